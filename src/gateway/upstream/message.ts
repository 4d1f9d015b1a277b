import { findSallyError, UpstreamJson } from '../../errors.js';
import { isJsonObject, parseExactJson, plainNumber } from '../../json/index.js';
import { replyKind } from '../../reply-id.js';
import type { JsonObject, RequestId, RpcError } from '../rpc.js';

/** A JSON-RPC message as it came: what it is shows in the fields that it has. */
export interface Message {
  readonly id?: RequestId | null;
  readonly method?: string;
  readonly params?: JsonObject;
  readonly result?: JsonObject;
  readonly error?: RpcError;
}

/** The only revision that has batches. */
export const batchRevision = '2025-03-26';

/**
 * The messages of one body, event or line: several where it is a batch; undefined where it is not JSON-RPC. Throws a
 * SallyError for JSON that is not taken.
 */
export function messagesOf(text: string, upstream: string): readonly Message[] | undefined {
  let value: unknown;
  try {
    value = parseExactJson(text, { what: 'the message' });
  } catch (error) {
    const refusal = findSallyError(error);
    if (refusal) throw UpstreamJson({ upstream, reason: refusal.message }, refusal);
    return undefined;
  }
  const messages = Array.isArray(value) ? value : [value];
  return messages.every(isObject) ? messages.map(received) : undefined;
}

/** A message with plain numbers where this side looks at them: the id of an answer, and the code of an error. */
function received(message: JsonObject): Message {
  if (message['method'] === undefined) message['id'] = plainNumber(message['id']);
  const { error } = message;
  if (isObject(error)) error['code'] = plainNumber(error['code']);
  return message;
}

export const isObject: (value: unknown) => value is JsonObject = isJsonObject;

/** The error of a body that is a JSON-RPC error response; with an id, where it is to that request or to none that could be read. */
export function rpcErrorOf(text: string, id?: number): RpcError | undefined {
  let value: unknown;
  try {
    value = parseExactJson(text);
  } catch {
    return undefined;
  }
  const message: unknown = Array.isArray(value) ? value[0] : value;
  if (!isObject(message) || (id !== undefined && replyKind(message, id) === 'stray')) return undefined;
  const { error } = received(message);
  return isObject(error) && typeof error.code === 'number' ? error : undefined;
}

/** A peer's text for a message or the log: one line, bounded, with nothing that could steer a terminal. */
export function plainText(text: string, most = 200): string {
  return (
    text
      .slice(0, most)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about
      .replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ')
      .trim()
  );
}
