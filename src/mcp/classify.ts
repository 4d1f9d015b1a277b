import type { IncomingHttpHeaders } from 'node:http';
import type { RefusedBody } from '../http/index.js';
import { decodeHeaderValue, headerNames, targetParameter } from './headers.js';
import {
  areFacts,
  codes,
  errorResponse,
  isObject,
  type JsonObject,
  type Message,
  metaKeys,
  type Refusal,
  refusal,
} from './messages.js';
import { batchRevision, isModern, modernRevisions } from './revisions.js';
import type { Client } from './router.js';

/** What is wrong with a body that is not taken. */
export function bodyProblem({ status, error }: RefusedBody, limit: number): Refusal {
  if (error) return { status, ...errorResponse(error) };
  if (status === 413) return refusal(413, `Request body exceeds ${limit} bytes`);
  return refusal(400, 'Parse error: the body is not JSON', codes.parseError);
}

/** What is wrong with the head of a POST. */
export function postProblem({ accept, 'content-type': type = '' }: IncomingHttpHeaders): Refusal | undefined {
  if (type !== 'application/json' && !/^application\/json\s*(;|$)/i.test(type))
    return refusal(415, 'Unsupported Media Type: send application/json');
  return accepts(accept, 'application/json') && accepts(accept, 'text/event-stream')
    ? undefined
    : notAcceptable('application/json and text/event-stream');
}

export const notAcceptable = (wanted: string) => refusal(406, `Not Acceptable: accept ${wanted}`);

/** Whether a client takes replies of this type. */
export function accepts(accept: string | undefined, type: string): boolean {
  if (accept === undefined) return false;
  if (accept.includes(type)) return true;
  const ranges = accept.split(',').map((range) => range.split(';')[0]?.trim().toLowerCase());
  return ranges.includes(type) || ranges.includes('*/*') || ranges.includes(`${type.split('/')[0]}/*`);
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
  const header = headers && textOf(headers[headerNames.protocolVersion]);
  if (isObject(meta) && meta[versionKey] !== undefined) {
    const named = meta[versionKey];
    if (message.method === 'initialize' && typeof named === 'string' && !isModern(named)) return legacy;
    return enveloped(message, meta, header, headers);
  }
  if (header === undefined || !isModern(header)) return legacy;
  if (message.method === 'initialize') return mismatch(`initialize is not a method of ${header}`);
  if (message.kind === 'notification') {
    // Without an envelope it is of the era that its header names.
    const wrong = headers && methodProblem(message, headers);
    if (wrong !== undefined) return mismatch(wrong);
    return { kind: 'modern', envelope: { revision: header, capabilities: nothing, info: nothing } };
  }
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
    const text = `Invalid params: ${problem} is missing, not of its type or nested too deep`;
    return refused(codes.invalidParams, text, { missing: problem });
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
