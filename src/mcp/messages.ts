import { findSallyError, type SallyError } from '../errors.js';
import { isJsonObject, type JsonNumber, parseExactJson, plainNumber } from '../json/index.js';
import { replyKind } from './requests.js';

/** JSON as it came off the wire: what nobody here knows goes through unharmed. */
export type JsonObject = Record<string, unknown>;

/** A number that JavaScript would write in another way goes back as it came. */
export type RequestId = string | number | JsonNumber;

/** Marks an error that says that there is no room: a symbol, for nothing that comes off a wire can have it. */
export const noRoom: unique symbol = Symbol('no room');

/** Marks the error that says that something has failed here: how much of it the client is told is decided where it goes out. */
export const failure: unique symbol = Symbol('failure');

export interface Failure {
  readonly error: SallyError;
  /** The plugin that failed, where it was one. */
  readonly plugin?: string | undefined;
}

/** An error as JSON-RPC 2.0 section 5.1 has it. */
export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
  readonly [noRoom]?: true;
  readonly [failure]?: Failure;
}

/** Error codes of JSON-RPC 2.0 section 5.1, and of MCP (from -32020 on: 2026-07-28; -32002 and -32001: revisions before). */
export const codes = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
  sessionNotFound: -32001,
  resourceNotFound: -32002,
  headerMismatch: -32020,
  missingCapability: -32021,
  unsupportedVersion: -32022,
} as const;

/** What came of a request. A peer's error is passed on like a result, not thrown. */
export type RpcResponse = { readonly result: JsonObject } | { readonly error: RpcError };

export const isObject: (value: unknown) => value is JsonObject = isJsonObject;

/** What a peer says of itself (capabilities, name and version) is kept and written again: no deeper than so many levels. */
const maxFactLevels = 32;

export const areFacts = (value: unknown): value is JsonObject =>
  isObject(value) && !isDeeper(value, maxFactLevels);

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  for (const key in value) if (isDeeper((value as JsonObject)[key], levels - 1)) return true;
  return false;
}

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
  | { readonly kind: 'reply'; readonly id: RequestId | null; readonly response: RpcResponse }
  | { readonly kind: 'invalid'; readonly id: RequestId | null; readonly reason: string };

/** MCP narrows JSON-RPC 2.0 section 4: an id is a string or an integer, never null. */
const isId = (value: unknown): value is RequestId =>
  typeof value === 'string' || Number.isInteger(plainNumber(value));

const invalid = (id: unknown, reason: string): Message => ({
  kind: 'invalid',
  id: isId(id) ? id : null,
  reason,
});

/** Reads parsed JSON of a client as one message, strictly. Batches are gone from MCP since 2025-06-18. */
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
  if (isId(id) && isObject(result) && error === undefined) return { kind: 'reply', id, response: { result } };
  if ((isId(id) || id === undefined || id === null) && result === undefined && isError(error)) {
    return { kind: 'reply', id: id ?? null, response: { error } };
  }
  return invalid(id, 'neither a request, nor a notification, nor a response');
}

function isError(value: unknown): value is RpcError & JsonObject {
  return (
    isObject(value) && Number.isInteger(plainNumber(value['code'])) && typeof value['message'] === 'string'
  );
}

/** A message of a server as it came: what it is shows in the fields that it has. */
export interface PeerMessage {
  readonly id?: RequestId | null;
  readonly method?: string;
  readonly params?: JsonObject;
  readonly result?: JsonObject;
  readonly error?: RpcError;
}

/**
 * The messages of one body, event or line of a server: several where it is a batch; undefined where it is not JSON-RPC.
 *
 * @throws SallyError for JSON that is not taken.
 */
export function messagesOf(text: string, what = 'the message'): readonly PeerMessage[] | undefined {
  let value: unknown;
  try {
    value = parseExactJson(text, { what });
  } catch (error) {
    const refusal = findSallyError(error);
    if (refusal) throw refusal;
    return undefined;
  }
  if (isObject(value)) return [received(value)];
  return Array.isArray(value) && value.every(isObject) ? value.map(received) : undefined;
}

/** A message with plain numbers where this side looks at them: the id of a reply, and the code of an error. */
function received(message: JsonObject): PeerMessage {
  if (message['method'] === undefined) message['id'] = plainNumber(message['id']);
  const { error } = message;
  if (isObject(error)) error['code'] = plainNumber(error['code']);
  return message;
}

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

/** The body of a `tools/call`; `meta` is its `_meta`, written. */
export function toolCallBody(id: number, tool: string, args: string, meta: string | undefined): string {
  const head = `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":${JSON.stringify(tool)},"arguments":${args}`;
  return meta === undefined ? `${head}}}` : `${head},"_meta":${meta}}}`;
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
