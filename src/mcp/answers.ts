import { findSallyError, InternalError, messageOf } from '../errors.js';
import { writeJson } from '../json/index.js';
import {
  type Answer,
  codes,
  failure,
  type JsonObject,
  noRoom,
  type RequestId,
  type RpcError,
} from './messages.js';

/** An error of the registry, or whatever else was thrown, as a client gets it. */
export function errorAnswer(thrown: unknown): { readonly error: RpcError } {
  const error = findSallyError(thrown) ?? InternalError({ detail: messageOf(thrown) }, thrown);
  const { code, jsonRpcCode, message, remedy, toClient } = error;
  return {
    error: {
      code: jsonRpcCode,
      message,
      data: { code, remedy },
      ...(toClient && error.httpStatus === 503 && { [noRoom]: true }),
      ...(!toClient && { [failure]: { error } }),
    },
  };
}

export function notificationJson(method: string, params: JsonObject | undefined): string {
  return writeJson({ jsonrpc: '2.0', method, ...(params && { params }) });
}

/** A response as JSON. */
export function answerJson(id: RequestId | null, answer: Answer): string {
  try {
    // Nothing but the answer: one that came off the wire may still have the id of another connection.
    return 'error' in answer
      ? writeJson({ jsonrpc: '2.0', id, error: answer.error })
      : writeJson({ jsonrpc: '2.0', id, result: answer.result });
  } catch (error) {
    // What is nested too deep can be read, and not be written.
    const detail = 'the answer cannot be written';
    return writeJson({ jsonrpc: '2.0', id, ...errorAnswer(InternalError({ detail }, error)) });
  }
}

/** What has no room is told by HTTP too, in whichever queue that was: clients and proxies know when to come again. */
export function fullReply(
  answer: Answer,
): { readonly status: 503; readonly headers: Readonly<Record<string, string>> } | undefined {
  if (!('error' in answer) || answer.error[noRoom] !== true) return undefined;
  return { status: 503, headers: { 'Retry-After': '5' } };
}

/** The HTTP status of an error of 2026-07-28: those that the specification names go with one; all else is the payload of a 200. */
export function statusOf(answer: Answer): number {
  if (!('error' in answer)) return 200;
  const { code } = answer.error;
  if (code === codes.methodNotFound) return 404;
  return code === codes.headerMismatch ||
    code === codes.missingCapability ||
    code === codes.unsupportedVersion
    ? 400
    : 200;
}

/** Why a message is not taken, with the HTTP status that the specification has for it. */
export interface Refusal {
  readonly status: number;
  readonly error: RpcError;
}

export const refusal = (status: number, message: string, code: number = codes.invalidRequest): Refusal => ({
  status,
  error: { code, message },
});
