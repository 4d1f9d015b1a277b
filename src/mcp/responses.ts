import { findSallyError, InternalError, messageOf } from '../errors.js';
import { writeJson } from '../json/index.js';
import {
  codes,
  failure,
  isObject,
  type JsonObject,
  noRoom,
  type RequestId,
  type RpcError,
  type RpcResponse,
} from './messages.js';
import { metaKeys } from './meta.js';

/** An error of the registry, or whatever else was thrown, as a client gets it. */
export function errorResponse(thrown: unknown): { readonly error: RpcError } {
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
export function responseJson(id: RequestId | null, response: RpcResponse): string {
  try {
    // Nothing but the response: one that came off the wire may still have the id of another connection.
    return 'error' in response
      ? writeJson({ jsonrpc: '2.0', id, error: response.error })
      : writeJson({ jsonrpc: '2.0', id, result: response.result });
  } catch (error) {
    // What is nested too deep can be read, and not be written.
    const detail = 'the answer cannot be written';
    return writeJson({ jsonrpc: '2.0', id, ...errorResponse(InternalError({ detail }, error)) });
  }
}

/** A result as 2026-07-28 has it: it says of which type it is and who answers. */
export function modernResponse(
  response: RpcResponse,
  serverInfo: JsonObject,
  subscription?: RequestId,
): RpcResponse {
  if ('error' in response) return response;
  const { result } = response;
  const meta = isObject(result['_meta']) ? result['_meta'] : undefined;
  const own = { ...(subscription !== undefined && { [metaKeys.subscriptionId]: subscription }) };
  return {
    result: {
      ...result,
      resultType: result['resultType'] ?? 'complete',
      _meta: { [metaKeys.serverInfo]: serverInfo, ...meta, ...own },
    },
  };
}

/** A response of 2026-07-28 as JSON. Most results say nothing of that by themselves: then it goes behind them, without a copy. */
export function modernJson(
  id: RequestId,
  response: RpcResponse,
  serverInfo: JsonObject,
  subscription?: RequestId,
): string {
  if (
    'result' in response &&
    subscription === undefined &&
    response.result['_meta'] === undefined &&
    response.result['resultType'] === undefined
  ) {
    try {
      const result = writeJson(response.result);
      const rest = `"resultType":"complete","_meta":{"${metaKeys.serverInfo}":${writeJson(serverInfo)}}`;
      const members = result === '{}' ? rest : `${result.slice(1, -1)},${rest}`;
      return `{"jsonrpc":"2.0","id":${writeJson(id)},"result":{${members}}}`;
    } catch {
      // It cannot be written: that is told instead.
    }
  }
  return responseJson(id, modernResponse(response, serverInfo, subscription));
}

/** What has no room is told by HTTP too, in whichever queue that was: clients and proxies know when to come again. */
export function fullReply(
  response: RpcResponse,
): { readonly status: 503; readonly headers: Readonly<Record<string, string>> } | undefined {
  if (!('error' in response) || response.error[noRoom] !== true) return undefined;
  return { status: 503, headers: { 'Retry-After': '5' } };
}

/** The HTTP status of an error of 2026-07-28: those that the specification names go with one; all else is the payload of a 200. */
export function statusOf(response: RpcResponse): number {
  if (!('error' in response)) return 200;
  const { code } = response.error;
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
