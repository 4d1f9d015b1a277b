import { asSallyError, InternalError, type SallyError } from '../errors.js';
import { isJsonObject, type JsonNumber, plainNumber, writeJson } from '../json/index.js';

/** JSON as it came off the wire: what nobody here knows goes through unharmed. */
export type JsonObject = Record<string, unknown>;

/** A number that JavaScript would write in another way goes back as it came. */
export type RequestId = string | number | JsonNumber;

/** Marks an error that says that there is no room: a symbol, for nothing that comes off a wire can have it. */
const noRoom: unique symbol = Symbol('no room');

/** Marks the error that says that something has failed here: how much of it the client gets is decided when it is sent. */
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

export function areFacts(value: unknown): value is JsonObject {
  if (!isObject(value)) return false;
  for (const key in value) {
    const member = value[key];
    if (typeof member === 'object' && isDeeper(member, maxFactLevels - 1)) return false;
  }
  return true;
}

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

export type RequestMessage = Extract<Message, { kind: 'request' }>;
/** A message that is one. */
export type PostedMessage = Exclude<Message, { kind: 'invalid' }>;

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

/** An error of the registry, or whatever else was thrown, as a client gets it. */
export function errorResponse(thrown: unknown): { readonly error: RpcError } {
  const error = asSallyError(thrown);
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

/** A result as 2026-07-28 has it: with its type and the name of the server. */
export function modernResponse(
  response: RpcResponse,
  serverInfo: JsonObject,
  subscription?: RequestId,
): RpcResponse {
  if ('error' in response) return response;
  const { result } = response;
  const meta = isObject(result['_meta']) ? result['_meta'] : undefined;
  const mark = { ...(subscription !== undefined && { [metaKeys.subscriptionId]: subscription }) };
  return {
    result: {
      ...result,
      resultType: result['resultType'] ?? 'complete',
      _meta: { [metaKeys.serverInfo]: serverInfo, ...meta, ...mark },
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
      // It cannot be written: `responseJson` makes an error of it.
    }
  }
  return responseJson(id, modernResponse(response, serverInfo, subscription));
}

/**
 * The HTTP status of a response. Where there was no room, in whichever queue, it says so too: clients and proxies know when to
 * try again. In 2026-07-28 the errors that the specification names go with one of 4xx; all else is the payload of a 200.
 */
export function statusOf(response: RpcResponse, modern: boolean): number {
  if (!('error' in response)) return 200;
  const { code, [noRoom]: full } = response.error;
  if (full) return 503;
  if (!modern) return 200;
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

const prefix = 'io.modelcontextprotocol/';

/** Keys of `_meta` that are the protocol's own (2026-07-28). */
export const metaKeys = {
  protocolVersion: `${prefix}protocolVersion`,
  clientInfo: `${prefix}clientInfo`,
  clientCapabilities: `${prefix}clientCapabilities`,
  logLevel: `${prefix}logLevel`,
  serverInfo: `${prefix}serverInfo`,
  subscriptionId: `${prefix}subscriptionId`,
} as const;

/** The extension by which a server may answer a call with a handle, to be asked later. */
export const tasksExtension = `${prefix}tasks`;

const envelopeKeys: readonly string[] = [
  metaKeys.protocolVersion,
  metaKeys.clientInfo,
  metaKeys.clientCapabilities,
];

export function metaOf(value: unknown): JsonObject {
  const meta = isObject(value) ? value['_meta'] : undefined;
  return isObject(meta) ? meta : {};
}

/** `value` with keys of its `_meta` gone, and without an empty `_meta` that this leaves behind. */
export function withoutMeta(value: JsonObject, keys: readonly string[]): JsonObject {
  const meta = value['_meta'];
  if (!isObject(meta)) return value;
  let kept: JsonObject | undefined;
  for (const key of keys) {
    if (!Object.hasOwn(meta, key)) continue;
    kept ??= { ...meta };
    delete kept[key];
  }
  if (kept === undefined) return value;
  const { _meta, ...rest } = value;
  return Object.keys(kept).length === 0 ? rest : { ...value, _meta: kept };
}

/** `value` with a key of `_meta` set. */
export function withMeta(value: JsonObject, key: string, entry: unknown): JsonObject {
  return { ...value, _meta: { ...metaOf(value), [key]: entry } };
}

/** What of a request's `_meta` belongs to the connection that it came over: made anew for each. */
const ofConnection: readonly string[] = [...envelopeKeys, metaKeys.logLevel];

/** Params without the envelope of the client's connection: the progress token and what else is in `_meta` goes on. */
export function withoutEnvelope(params: JsonObject): JsonObject {
  return withoutMeta(params, ofConnection);
}

/** `params` of a notification without the mark of the subscription that it came by, which means nothing elsewhere. */
export function withoutSubscription(params: JsonObject | undefined): JsonObject | undefined {
  return params && withoutMeta(params, [metaKeys.subscriptionId]);
}

/** What a 2026-07-28 request says of its sender. */
export type Envelope = JsonObject;

export function envelopeOf(revision: string, client: JsonObject, capabilities: JsonObject): Envelope {
  return {
    [metaKeys.protocolVersion]: revision,
    [metaKeys.clientInfo]: client,
    [metaKeys.clientCapabilities]: capabilities,
  };
}

/** `params` as they are sent: with the request's own progress token, where one was asked for, and with the envelope of the era. */
export function sentParams(
  params: JsonObject | undefined,
  token: number,
  envelope: Envelope | undefined,
): JsonObject | undefined {
  const meta = params?.['_meta'];
  if (!isObject(meta)) return envelope ? { ...params, _meta: envelope } : params;
  const sent: JsonObject = { ...meta };
  if (sent['progressToken'] !== undefined) sent['progressToken'] = token;
  for (const key of envelopeKeys) delete sent[key];
  return { ...params, _meta: envelope ? Object.assign(sent, envelope) : sent };
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
