import type { IncomingHttpHeaders } from 'node:http';
import { headerName } from '../headers.js';
import { plainNumber } from '../json/index.js';
import {
  areFacts,
  codes,
  isObject,
  type JsonObject,
  type Message,
  metaKeys,
  type Refusal,
  refusal,
} from './messages.js';
import { batchRevision, isModern, modernRevisions } from './revisions.js';
import type { Client } from './router.js';

/** Headers of Streamable HTTP, in lower case as Node has them. */
export const headerNames = {
  protocolVersion: 'mcp-protocol-version',
  sessionId: 'mcp-session-id',
  method: 'mcp-method',
  name: 'mcp-name',
  /** Before the name that a tool's schema gives to one of its arguments. */
  param: 'mcp-param-',
  lastEventId: 'last-event-id',
} as const;

/** Headers of every POST. */
export const postHeaders = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
} as const;

/** The type of a reply that is a stream. */
export const eventStream = 'text/event-stream';

const prefix = '=?base64?';
const suffix = '?=';
const canonical = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const safe = /^[\t\x20-\x7e]*$/;

/** A text as a header's value (2026-07-28, Value Encoding): as it is where RFC 9110 section 5.5 allows, else in base64 with a mark. */
function encodeHeaderValue(text: string): string {
  const plain = text !== '' && safe.test(text) && text === text.trim();
  const marked = text.startsWith(prefix) && text.endsWith(suffix);
  return plain && !marked ? text : `${prefix}${Buffer.from(text, 'utf8').toString('base64')}${suffix}`;
}

/** A mirrored value as it was before its way into a header; undefined for one that is none. */
export function decodeHeaderValue(value: string): string | undefined {
  if (!value.startsWith(prefix) || !value.endsWith(suffix) || value.length < prefix.length + suffix.length) {
    return safe.test(value) ? value : undefined;
  }
  const encoded = value.slice(prefix.length, -suffix.length);
  if (!canonical.test(encoded)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(encoded, 'base64'));
  } catch {
    return undefined;
  }
}

/** What is wrong with the head of a POST. A reply is a stream only where `takesStreams`, so that JSON is enough. */
export function postProblem({ accept, 'content-type': type = '' }: IncomingHttpHeaders): Refusal | undefined {
  if (type !== 'application/json' && !/^application\/json\s*(;|$)/i.test(type))
    return refusal(415, 'Unsupported Media Type: send application/json');
  if (accept === postHeaders.accept || accepts(accept, 'application/json')) return undefined;
  return notAcceptable('application/json, and text/event-stream where replies may be streams');
}

export const notAcceptable = (wanted: string): Refusal => refusal(406, `Not Acceptable: accept ${wanted}`);

/** Whether a client takes replies of this type: any where it does not say (RFC 9110 section 12.5.1). */
export function accepts(accept: string | undefined, type: string): boolean {
  if (accept === undefined || (accept.includes(type) && !accept.includes('q=0'))) return true;
  const ranges = rangesOf(accept);
  return ranges.includes('*/*') || names(ranges, type);
}

/** Whether a client says that it reads event streams: what takes anything is most likely no more than a reader of JSON. */
export function takesStreams(accept: string | undefined): boolean {
  return accept === postHeaders.accept || (accept !== undefined && names(rangesOf(accept), eventStream));
}

const names = (ranges: readonly string[], type: string): boolean =>
  ranges.includes(type) || ranges.includes(`${type.split('/')[0]}/*`);

/** The media ranges of an `Accept`, but those that are not acceptable. */
function rangesOf(accept: string): string[] {
  return accept.split(',').flatMap((range) => {
    const [type = '', ...parameters] = range.toLowerCase().split(';');
    return parameters.some((one) => /^\s*q=0(\.0*)?\s*$/.test(one)) ? [] : [type.trim()];
  });
}

/** What a request says of its sender: in its `_meta` (2026-07-28), or before that in no more than a header. */
export type Envelope = Pick<Client, 'revision' | 'capabilities' | 'info'>;

export type Classified =
  | { readonly kind: 'legacy' }
  | { readonly kind: 'modern'; readonly envelope: Envelope }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

type Spoken = Extract<Message, { kind: 'request' | 'notification' }>;

const { protocolVersion: versionKey, clientCapabilities: capabilitiesKey, clientInfo: infoKey } = metaKeys;
const nothing: JsonObject = {};

/** What is known of a client that has said nothing of itself. */
export const unsaid: Envelope = { revision: batchRevision, capabilities: nothing, info: nothing };

const legacy: Classified = { kind: 'legacy' };

function refused(code: number, message: string, data?: JsonObject): Classified {
  return { kind: 'refused', refusal: { status: 400, error: { code, message, ...(data && { data }) } } };
}

const mismatch = (what: string) => refused(codes.headerMismatch, `Header mismatch: ${what}`);

/**
 * Which era a message is of, from its envelope first and its headers second (2026-07-28, Versioning: a dual-era server
 * goes by how the client opens). Everything that such a message has to hold is checked here; `headers` is absent on
 * stdio, where the body is all there is.
 */
export function classify(message: Spoken, headers?: IncomingHttpHeaders): Classified {
  const meta = message.params?.['_meta'];
  const { method } = message;
  // Node joins a header that came twice, so that there is one text of each.
  const header = headers?.[headerNames.protocolVersion] as string | undefined;
  const said = headers?.[headerNames.method] as string | undefined;
  const wrongMethod = said !== undefined && said !== method;
  if (!isObject(meta) || meta[versionKey] === undefined) {
    if (header === undefined || !isModern(header)) return legacy;
    if (method === 'initialize') return mismatch(`initialize is not a method of ${header}`);
    if (message.kind === 'notification') {
      // Without an envelope it is of the era that its header names.
      if (wrongMethod) return mismatch(`Mcp-Method '${said}' does not match '${method}' of the body`);
      return { kind: 'modern', envelope: { revision: header, capabilities: nothing, info: nothing } };
    }
    const missing = isObject(meta) ? versionKey : '_meta';
    const text = `Invalid params: a request of ${header} has to have ${missing}`;
    return refused(codes.invalidParams, text, { missing });
  }
  const revision = meta[versionKey];
  const { [capabilitiesKey]: capabilities = nothing, [infoKey]: info = nothing } = meta;
  if (method === 'initialize' && typeof revision === 'string' && !isModern(revision)) return legacy;
  const isRequest = message.kind === 'request';
  if (typeof revision !== 'string') return notOfItsType(versionKey);
  if (!areFacts(capabilities) || (isRequest && meta[capabilitiesKey] === undefined))
    return notOfItsType(capabilitiesKey);
  if (!areFacts(info)) return notOfItsType(infoKey);
  if (header !== undefined && header !== revision)
    return mismatch(`MCP-Protocol-Version '${header}' does not match '${revision}' of the body`);
  if (wrongMethod) return mismatch(`Mcp-Method '${said}' does not match '${method}' of the body`);
  if (!modernRevisions.includes(revision)) {
    const data = { supported: modernRevisions, requested: revision };
    return refused(codes.unsupportedVersion, `Unsupported protocol version: ${revision}`, data);
  }
  if (headers && isRequest) {
    if (header === undefined) return mismatch('MCP-Protocol-Version is missing');
    if (said === undefined) return mismatch('Mcp-Method is missing');
    const parameter = targetParameters.get(method);
    if (parameter !== undefined) {
      const wanted = message.params[parameter];
      const shown = headers[headerNames.name] as string | undefined;
      const name = shown === undefined ? undefined : decodeHeaderValue(shown);
      if (name !== wanted || (shown !== undefined && name === undefined))
        return wrongName(shown, name, parameter);
    }
  }
  return { kind: 'modern', envelope: { revision, capabilities, info } };
}

function notOfItsType(key: string): Classified {
  const text = `Invalid params: ${key} is missing, not of its type or nested too deep`;
  return refused(codes.invalidParams, text, { missing: key });
}

function wrongName(shown: string | undefined, name: string | undefined, parameter: string): Classified {
  if (shown === undefined) return mismatch('Mcp-Name is missing');
  return name === undefined
    ? mismatch(`Mcp-Name '${shown}' is not encoded as a header value has to be`)
    : mismatch(`Mcp-Name '${name}' does not match params.${parameter} of the body`);
}

/** An argument that a tool wants in a header too. */
interface Declared {
  /** In lower case. */
  readonly header: string;
  readonly path: readonly string[];
  readonly numeric: boolean;
}

/** `x-mcp-header` counts only where a chain of `properties` leads to it (2026-07-28, Schema Extension). */
function declaredHeaders(schema: unknown, path: readonly string[] = []): readonly Declared[] {
  const properties = isObject(schema) ? schema['properties'] : undefined;
  // A schema is a server's: however deep it is, the walk ends.
  if (!isObject(properties) || path.length > 32) return [];
  return Object.entries(properties).flatMap(([name, property]) => {
    if (!isObject(property)) return [];
    const here = [...path, name];
    const header = property['x-mcp-header'];
    const numeric = property['type'] === 'integer' || property['type'] === 'number';
    const declared =
      typeof header === 'string' && header !== ''
        ? [{ header: headerNames.param + header.toLowerCase(), path: here, numeric }]
        : [];
    return [...declared, ...declaredHeaders(property, here)];
  });
}

function valueAt(root: unknown, path: readonly string[]): unknown {
  let node = root;
  for (const key of path) node = isObject(node) && Object.hasOwn(node, key) ? node[key] : undefined;
  return plainNumber(node);
}

/** Tools whose declarations are remembered, of one server. */
const mostTools = 10_000;

/** The parameters that name what a request is about; headers repeat them (2026-07-28, Standard Request Headers; `tasks/*`: SEP-2663). */
const targetParameters: ReadonlyMap<string, string> = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
  ['tasks/get', 'taskId'],
  ['tasks/update', 'taskId'],
  ['tasks/cancel', 'taskId'],
]);

/** What headers repeat of a request's body in 2026-07-28, so that proxies can route without reading it. */
export class MirroredHeaders {
  readonly #tools = new Map<string, readonly Declared[]>();

  /** Learns from a page of `tools/list` which arguments go into headers. */
  learn(result: JsonObject): void {
    const tools = Array.isArray(result['tools']) ? result['tools'] : [];
    for (const tool of tools) {
      if (!isObject(tool) || typeof tool['name'] !== 'string') continue;
      const found = declaredHeaders(tool['inputSchema']).filter(({ header }) => headerName.test(header));
      if (found.length === 0) this.#tools.delete(tool['name']);
      else if (this.#tools.size < mostTools) this.#tools.set(tool['name'], found);
    }
  }

  of(method: string, params: JsonObject | undefined): Record<string, string> {
    const headers: Record<string, string> = { [headerNames.method]: method };
    const parameter = targetParameters.get(method);
    const target = parameter === undefined ? undefined : params?.[parameter];
    if (typeof target === 'string') headers[headerNames.name] = encodeHeaderValue(target);
    if (method === 'tools/call' && typeof target === 'string' && this.#tools.size > 0) {
      for (const { path, header } of this.#tools.get(target) ?? []) {
        const text = primitiveText(valueAt(params?.['arguments'], path));
        if (text !== undefined) headers[header] = encodeHeaderValue(text);
      }
    }
    return headers;
  }
}

function primitiveText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return String(value);
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined;
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? undefined : String(value);
}

/** Checks `Mcp-Param-*` headers against a tool's schema; says what is wrong. */
export type ParamHeaderCheck = (
  schema: JsonObject,
  args: unknown,
  headers: IncomingHttpHeaders,
) => string | undefined;

/** A check that reads each schema once, for as long as the schema is in use. */
export function createParamHeaderCheck(): ParamHeaderCheck {
  const known = new WeakMap<JsonObject, readonly Declared[]>();
  return (schema, args, headers) => {
    let declared = known.get(schema);
    if (declared === undefined) {
      declared = declaredHeaders(schema);
      known.set(schema, declared);
    }
    for (const one of declared) {
      const problem = problemOf(one, args, headers);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
}

function problemOf(
  { header, path, numeric }: Declared,
  args: unknown,
  headers: IncomingHttpHeaders,
): string | undefined {
  const value = valueAt(args, path);
  // Absent or null: no header is expected. Objects and lists are not mirrored.
  if (!['string', 'number', 'boolean'].includes(typeof value)) return undefined;
  const seen = headers[header];
  const where = `arguments.${path.join('.')}`;
  if (typeof seen !== 'string') return `${header} is missing, and ${where} has a value`;
  const decoded = decodeHeaderValue(seen);
  if (decoded === undefined) return `${header} '${seen}' is not encoded as a header value has to be`;
  const same =
    numeric && typeof value === 'number' && /^-?\d+(\.\d+)?$/.test(decoded)
      ? Number(decoded) === value
      : decoded === String(value);
  return same ? undefined : `${header} '${decoded}' does not match ${where}`;
}
