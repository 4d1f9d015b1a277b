import { plainNumber } from '../../json/index.js';
import type { JsonObject } from '../rpc.js';
import { isObject } from './message.js';

/** An argument that a tool wants in a header too: where it is, and the header's name. */
interface Mirrored {
  readonly path: readonly string[];
  readonly header: string;
}

/** Requests whose target a header repeats (2026-07-28, Streamable HTTP): method → the parameter that names it. */
const named: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
};

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Tools whose declarations are remembered, of one upstream. */
const most = 10_000;

/** What headers repeat of a request's body in 2026-07-28, so that proxies can route without reading it. */
export class Mirror {
  readonly #tools = new Map<string, readonly Mirrored[]>();

  /** Learns from a page of `tools/list` which arguments go into headers. */
  learn(result: JsonObject): void {
    const tools = Array.isArray(result['tools']) ? result['tools'] : [];
    for (const tool of tools) {
      if (!isObject(tool) || typeof tool['name'] !== 'string') continue;
      const found = [...declared(tool['inputSchema'], [])];
      if (found.length === 0) this.#tools.delete(tool['name']);
      else if (this.#tools.size < most) this.#tools.set(tool['name'], found);
    }
  }

  headers(method: string, params: JsonObject | undefined): Record<string, string> {
    const headers: Record<string, string> = { 'mcp-method': method };
    const parameter = Object.hasOwn(named, method) ? named[method] : undefined;
    const target = parameter === undefined ? undefined : params?.[parameter];
    if (typeof target === 'string') headers['mcp-name'] = headerText(target);
    if (method === 'tools/call' && typeof target === 'string' && this.#tools.size > 0) {
      for (const { path, header } of this.#tools.get(target) ?? []) {
        const text = primitiveText(valueAt(params?.['arguments'], path));
        if (text !== undefined) headers[`mcp-param-${header.toLowerCase()}`] = headerText(text);
      }
    }
    return headers;
  }
}

/** `x-mcp-header` counts only where a chain of `properties` leads to it. */
function* declared(schema: unknown, path: readonly string[]): Generator<Mirrored> {
  if (!isObject(schema) || path.length > 32) return;
  const header = schema['x-mcp-header'];
  if (typeof header === 'string' && token.test(header) && path.length > 0) yield { path, header };
  if (!isObject(schema['properties'])) return;
  for (const [key, child] of Object.entries(schema['properties'])) yield* declared(child, [...path, key]);
}

function valueAt(root: unknown, path: readonly string[]): unknown {
  let node = root;
  for (const key of path) node = isObject(node) && Object.hasOwn(node, key) ? node[key] : undefined;
  return node;
}

function primitiveText(given: unknown): string | undefined {
  const value = plainNumber(given);
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return String(value);
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined;
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? undefined : String(value);
}

/** A text as a header's value: as it is where RFC 9110 section 5.5 allows, else in base64 with the mark of the specification. */
function headerText(text: string): string {
  const plain = /^[\t\x20-\x7e]+$/.test(text) && text === text.trim();
  const marked = text.startsWith('=?base64?') && text.endsWith('?=');
  return plain && !marked ? text : `=?base64?${Buffer.from(text, 'utf8').toString('base64')}?=`;
}
