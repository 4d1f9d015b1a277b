import { isJsonObject, plainNumber } from '../../json/index.js';
import type { Answer, JsonObject, RequestId, RpcError } from '../rpc.js';

/** One JSON-RPC message of a client, or why it is none. */
export type Message =
  | {
      readonly kind: 'request';
      readonly id: RequestId;
      readonly method: string;
      readonly params: JsonObject;
    }
  | {
      readonly kind: 'notification';
      readonly method: string;
      readonly params: JsonObject | undefined;
    }
  | { readonly kind: 'reply'; readonly id: RequestId | null; readonly answer: Answer }
  | { readonly kind: 'invalid'; readonly id: RequestId | null; readonly reason: string };

export const isObject: (value: unknown) => value is JsonObject = isJsonObject;

/** What a client says of itself (capabilities, name and version) is kept and written again: no deeper than so many levels. */
const maxFactLevels = 32;

export const areFacts = (value: unknown): value is JsonObject =>
  isObject(value) && !isDeeper(value, maxFactLevels);

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((one) => isDeeper(one, levels - 1));
}

/** MCP narrows JSON-RPC 2.0 section 4: an id is a string or an integer, never null. */
const isId = (value: unknown): value is RequestId =>
  typeof value === 'string' || Number.isInteger(plainNumber(value));

const invalid = (id: unknown, reason: string): Message => ({
  kind: 'invalid',
  id: isId(id) ? id : null,
  reason,
});

/** Reads parsed JSON as one message. Batches are gone from MCP since 2025-06-18. */
export function readMessage(json: unknown): Message {
  if (Array.isArray(json)) return invalid(null, 'batches are not served: send one message at a time');
  if (!isObject(json)) return invalid(null, 'a message is a JSON object');
  const { jsonrpc, id, method, params } = json;
  if (jsonrpc !== '2.0') return invalid(id, 'jsonrpc has to be "2.0"');
  if (method === undefined) return readReply(json);
  if (typeof method !== 'string') return invalid(id, 'method has to be a text');
  if (params !== undefined && !isObject(params)) return invalid(id, 'params has to be an object');
  if (id === undefined) return { kind: 'notification', method, params };
  if (!isId(id)) return invalid(null, 'id has to be a text or an integer');
  return { kind: 'request', id, method, params: params ?? {} };
}

function readReply({ id, result, error }: JsonObject): Message {
  if (isId(id) && isObject(result) && error === undefined) return { kind: 'reply', id, answer: { result } };
  if ((isId(id) || id === undefined || id === null) && result === undefined && isError(error)) {
    return { kind: 'reply', id: id ?? null, answer: { error } };
  }
  return invalid(id, 'neither a request, nor a notification, nor a response');
}

function isError(value: unknown): value is RpcError & JsonObject {
  return (
    isObject(value) && Number.isInteger(plainNumber(value['code'])) && typeof value['message'] === 'string'
  );
}
