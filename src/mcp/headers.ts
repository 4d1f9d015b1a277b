import type { IncomingHttpHeaders } from 'node:http';
import { headerName } from '../headers.js';
import { plainNumber } from '../json/index.js';
import { isObject, type JsonObject } from './messages.js';

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
    const own =
      typeof header === 'string' && header !== ''
        ? [{ header: headerNames.param + header.toLowerCase(), path: here, numeric }]
        : [];
    return [...own, ...declaredHeaders(property, here)];
  });
}

function valueAt(root: unknown, path: readonly string[]): unknown {
  let node = root;
  for (const key of path) node = isObject(node) && Object.hasOwn(node, key) ? node[key] : undefined;
  return plainNumber(node);
}

/** Tools whose declarations are remembered, of one server. */
const mostTools = 10_000;

/** The parameter that names what a request is about; headers repeat it (2026-07-28, Standard Request Headers; `tasks/*`: SEP-2663). */
export function targetParameter(method: string): string | undefined {
  return Object.hasOwn(targets, method) ? targets[method] : undefined;
}

const targets: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
};

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
    const parameter = targetParameter(method);
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
