import type { IncomingHttpHeaders } from 'node:http';
import type { JsonObject, RpcError } from '../rpc.js';
import { decodeHeaderValue } from './header-value.js';
import { areFacts, isObject, type Message } from './message.js';
import { isModern, modernRevisions } from './revisions.js';

/** What a request of the modern era says of its sender, in its `_meta`. */
export interface Envelope {
  readonly revision: string;
  readonly capabilities: JsonObject;
  readonly info: JsonObject;
}

/** Why a message is not taken, with the HTTP status that the specification has for it. */
export interface Refusal {
  readonly status: number;
  readonly error: RpcError;
}

export type Classified =
  | { readonly kind: 'legacy' }
  | { readonly kind: 'modern'; readonly envelope: Envelope }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

type Spoken = Extract<Message, { kind: 'request' | 'notification' }>;

export const metaPrefix = 'io.modelcontextprotocol/';
const versionKey = `${metaPrefix}protocolVersion`;
const capabilitiesKey = `${metaPrefix}clientCapabilities`;
const infoKey = `${metaPrefix}clientInfo`;

const nothing: JsonObject = {};
const legacy: Classified = { kind: 'legacy' };

function refused(code: number, message: string, data?: JsonObject): Classified {
  return { kind: 'refused', refusal: { status: 400, error: { code, message, ...(data && { data }) } } };
}

const mismatch = (what: string) => refused(-32020, `Header mismatch: ${what}`);

/**
 * Which era a message is of, from its envelope first and its headers second (2026-07-28, Versioning: a dual-era server
 * goes by how the client opens). Everything that such a message has to hold is checked here; `headers` is absent on
 * stdio, where the body is all there is.
 */
export function classify(message: Spoken, headers?: IncomingHttpHeaders): Classified {
  const meta = message.params?.['_meta'];
  const header = headers && textOf(headers['mcp-protocol-version']);
  const headerIsModern = header !== undefined && isModern(header);
  if (isObject(meta) && meta[versionKey] !== undefined) {
    const named = meta[versionKey];
    if (message.method === 'initialize' && typeof named === 'string' && !isModern(named)) return legacy;
    return enveloped(message, meta, header, headers);
  }
  if (!headerIsModern) return legacy;
  if (message.method === 'initialize') return mismatch(`initialize is not a method of ${header}`);
  if (message.kind === 'notification') return notified(message, header, headers);
  const missing = isObject(meta) ? versionKey : '_meta';
  return refused(-32602, `Invalid params: a request of ${header} has to have ${missing}`, { missing });
}

function enveloped(
  message: Spoken,
  meta: JsonObject,
  header: string | undefined,
  headers: IncomingHttpHeaders | undefined,
): Classified {
  const revision = meta[versionKey];
  const capabilities = meta[capabilitiesKey];
  const info = meta[infoKey];
  const isRequest = message.kind === 'request';
  const problem =
    typeof revision !== 'string'
      ? versionKey
      : !areFacts(capabilities) && (isRequest || capabilities !== undefined)
        ? capabilitiesKey
        : info !== undefined && !areFacts(info)
          ? infoKey
          : undefined;
  if (problem !== undefined || typeof revision !== 'string') {
    return refused(-32602, `Invalid params: ${problem} is missing, not of its type or nested too deep`, {
      missing: problem,
    });
  }
  if (header !== undefined && header !== revision) {
    return mismatch(`MCP-Protocol-Version '${header}' does not match '${revision}' of the body`);
  }
  const wrongMethod = headers && methodProblem(message, headers);
  if (wrongMethod !== undefined) return mismatch(wrongMethod);
  if (!modernRevisions.includes(revision)) {
    const data = { supported: modernRevisions, requested: revision };
    return refused(-32022, `Unsupported protocol version: ${revision}`, data);
  }
  if (headers && isRequest) {
    const absent =
      header === undefined ? 'MCP-Protocol-Version is missing' : standardProblem(message, headers);
    if (absent !== undefined) return mismatch(absent);
  }
  const envelope = {
    revision,
    capabilities: isObject(capabilities) ? capabilities : nothing,
    info: isObject(info) ? info : nothing,
  };
  return { kind: 'modern', envelope };
}

/** A posted notification without an envelope is of the era that its header names. */
function notified(message: Spoken, revision: string, headers: IncomingHttpHeaders | undefined): Classified {
  const wrongMethod = headers && methodProblem(message, headers);
  if (wrongMethod !== undefined) return mismatch(wrongMethod);
  return { kind: 'modern', envelope: { revision, capabilities: nothing, info: nothing } };
}

function methodProblem(message: Spoken, headers: IncomingHttpHeaders): string | undefined {
  const method = textOf(headers['mcp-method']);
  if (method === undefined || method === message.method) return undefined;
  return `Mcp-Method '${method}' does not match '${message.method}' of the body`;
}

/** Where `Mcp-Name` comes from (2026-07-28, Standard Request Headers; `tasks/*`: SEP-2663). */
const nameSources: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
};

function standardProblem(message: Spoken, headers: IncomingHttpHeaders): string | undefined {
  if (headers['mcp-method'] === undefined) return 'Mcp-Method is missing';
  const source = Object.hasOwn(nameSources, message.method) ? nameSources[message.method] : undefined;
  if (source === undefined) return undefined;
  const wanted = message.params?.[source];
  const header = textOf(headers['mcp-name']);
  if (header === undefined) return wanted === undefined ? undefined : 'Mcp-Name is missing';
  const name = decodeHeaderValue(header);
  if (name === undefined) return `Mcp-Name '${header}' is not encoded as a header value has to be`;
  return name === wanted ? undefined : `Mcp-Name '${name}' does not match params.${source} of the body`;
}

function textOf(header: string | readonly string[] | undefined): string | undefined {
  return typeof header === 'string' || header === undefined ? header : header.join(', ');
}
