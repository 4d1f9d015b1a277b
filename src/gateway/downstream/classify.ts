import type { IncomingHttpHeaders } from 'node:http';
import { decodeHeaderValue, headerNames } from '../../mcp/headers.js';
import {
  areFacts,
  codes,
  isObject,
  type JsonObject,
  type Message,
  type RpcError,
} from '../../mcp/messages.js';
import { metaKeys } from '../../mcp/meta.js';
import { targetParameter } from '../../mcp/methods.js';
import { isModern, modernRevisions } from '../../mcp/revisions.js';

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

const { protocolVersion: versionKey, clientCapabilities: capabilitiesKey, clientInfo: infoKey } = metaKeys;

const nothing: JsonObject = {};
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
  const header = headers && textOf(headers[headerNames.protocolVersion]);
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
  return refused(codes.invalidParams, `Invalid params: a request of ${header} has to have ${missing}`, {
    missing,
  });
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
    return refused(
      codes.invalidParams,
      `Invalid params: ${problem} is missing, not of its type or nested too deep`,
      {
        missing: problem,
      },
    );
  }
  if (header !== undefined && header !== revision) {
    return mismatch(`MCP-Protocol-Version '${header}' does not match '${revision}' of the body`);
  }
  const wrongMethod = headers && methodProblem(message, headers);
  if (wrongMethod !== undefined) return mismatch(wrongMethod);
  if (!modernRevisions.includes(revision)) {
    const data = { supported: modernRevisions, requested: revision };
    return refused(codes.unsupportedVersion, `Unsupported protocol version: ${revision}`, data);
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
  const method = textOf(headers[headerNames.method]);
  if (method === undefined || method === message.method) return undefined;
  return `Mcp-Method '${method}' does not match '${message.method}' of the body`;
}

function standardProblem(message: Spoken, headers: IncomingHttpHeaders): string | undefined {
  if (headers[headerNames.method] === undefined) return 'Mcp-Method is missing';
  const source = targetParameter(message.method);
  if (source === undefined) return undefined;
  const wanted = message.params?.[source];
  const header = textOf(headers[headerNames.name]);
  if (header === undefined) return wanted === undefined ? undefined : 'Mcp-Name is missing';
  const name = decodeHeaderValue(header);
  if (name === undefined) return `Mcp-Name '${header}' is not encoded as a header value has to be`;
  return name === wanted ? undefined : `Mcp-Name '${name}' does not match params.${source} of the body`;
}

function textOf(header: string | readonly string[] | undefined): string | undefined {
  return typeof header === 'string' || header === undefined ? header : header.join(', ');
}
