import { EnvelopeRefused } from '../../errors.js';
import { plainNumber } from '../../json/index.js';
import {
  codes,
  isObject,
  type JsonObject,
  metaKeys,
  metaOf,
  type RpcError,
  type RpcResponse,
  withMeta,
  withoutMeta,
} from '../../mcp/messages.js';
import type { Era } from '../../mcp/revisions.js';
import type { ClientRequest } from '../client.js';
import type { UpstreamSession } from '../upstream.js';
import { errorResponse, notFoundCode } from './responses.js';

/** Both ends of one request. */
export interface Ends {
  readonly method: string;
  readonly upstream: string;
  readonly from: Era;
  readonly to: Era;
  /** What the client says it can do. */
  readonly capabilities: JsonObject;
  readonly serverInfo: JsonObject;
  /** Whether what the upstream lets anyone cache is cached for nobody else: callers or plugins make it differ. */
  readonly personal: boolean;
}

/** Results that carry cache hints in the modern era. */
const cacheable: ReadonlySet<string> = new Set([
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
]);

/** Whether the upstream wants something of the client before it goes on. */
export function isInputRequired(response: RpcResponse): response is { readonly result: JsonObject } {
  return 'result' in response && response.result['resultType'] === 'input_required';
}

/** An upstream's response in the terms of the client's era. */
export function translateResponse(response: RpcResponse, ends: Ends): RpcResponse {
  return 'error' in response
    ? translateError(response.error, ends)
    : { result: translateResult(response.result, ends) };
}

/** A result in the terms of the client's era: type, cache hints and server identity are there, or are not. */
export function translateResult(result: JsonObject, ends: Ends): JsonObject {
  if (ends.to === 'legacy') {
    if (ends.from === 'legacy') return result;
    const { resultType, ...untyped } = result;
    if (!cacheable.has(ends.method)) return withoutMeta(untyped, [metaKeys.serverInfo]);
    const { ttlMs, cacheScope, ...unhinted } = untyped;
    return withoutMeta(unhinted, [metaKeys.serverInfo]);
  }
  // Whatever a legacy upstream writes there, it asks for nothing with it.
  const typed: JsonObject =
    ends.from === 'modern' && Object.hasOwn(result, 'resultType')
      ? result
      : { ...result, resultType: 'complete' };
  const hinted =
    typed['resultType'] === 'complete' && cacheable.has(ends.method)
      ? { ...typed, ...cacheHints(result, ends) }
      : typed;
  return withMeta(hinted, metaKeys.serverInfo, ends.serverInfo);
}

/** What of a modern result is about the connection, and no plugin's to see. */
export function modernFields({ resultType, ttlMs, cacheScope }: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries({ resultType, ttlMs, cacheScope }).filter(([, value]) => value !== undefined),
  );
}

function cacheHints({ ttlMs, cacheScope }: JsonObject, { personal }: Ends): JsonObject {
  return {
    ttlMs: Number.isInteger(plainNumber(ttlMs)) && (ttlMs as number) >= 0 ? ttlMs : 0,
    cacheScope: cacheScope === 'public' && !personal ? 'public' : 'private',
  };
}

/** Whether this says that there is no such resource, in either era's words. */
export function isResourceNotFound({ code, data }: RpcError): boolean {
  return code === codes.resourceNotFound || (code === codes.invalidParams && isObject(data) && 'uri' in data);
}

/** An upstream's error in the terms of the client's era. What it says of our own envelope is not the caller's to mend. */
function translateError(error: RpcError, ends: Ends): RpcResponse {
  const { code, message } = error;
  const ours =
    code === codes.headerMismatch ||
    code === codes.unsupportedVersion ||
    (code === codes.missingCapability && !callerLacks(error, ends));
  if (ours && ends.from === 'modern')
    return errorResponse(EnvelopeRefused({ upstream: ends.upstream, code, message }));
  if (ends.method === 'resources/read' && ends.from !== ends.to && isResourceNotFound(error)) {
    return { error: { ...error, code: notFoundCode(ends.to) } };
  }
  return { error };
}

/** The client's capabilities went to the upstream as they are: a lack that it names can be the caller's own. */
function callerLacks({ data }: RpcError, { to, capabilities }: Ends): boolean {
  const required = isObject(data) ? data['requiredCapabilities'] : undefined;
  return to === 'modern' && isObject(required) && lacks(required, capabilities);
}

function lacks(required: JsonObject, declared: JsonObject): boolean {
  return Object.entries(required).some(([key, wanted]) => {
    const has = declared[key];
    return has === undefined || (isObject(wanted) && isObject(has) && lacks(wanted, has));
  });
}

/** Severities of `notifications/message`, the most verbose first (RFC 5424 section 6.2.1). */
const levels = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'] as const;

export type Level = (typeof levels)[number];

export function isLevel(value: unknown): value is Level {
  return (levels as readonly unknown[]).includes(value);
}

/** The most verbose of several: what an upstream that several clients share is told. */
export function mostVerbose(wanted: Iterable<Level>): Level | undefined {
  const all = new Set(wanted);
  return levels.find((level) => all.has(level));
}

/** Whether a message of this level is for a client that asked for `wanted` and more severe ones. */
export function isWanted(level: unknown, wanted: Level): boolean {
  return !isLevel(level) || levels.indexOf(level) >= levels.indexOf(wanted);
}

/** From which severity on a client gets log messages during a request; undefined for none. */
export function wantedLevel(
  { client, params }: ClientRequest,
  setLevel: Level | undefined,
): Level | undefined {
  if (client.era === 'legacy') return setLevel ?? 'debug';
  const level = metaOf(params)[metaKeys.logLevel];
  return isLevel(level) ? level : undefined;
}

/** Params for a modern upstream, with the level from which on it shall log during this request. */
export function withLevel(params: JsonObject, session: UpstreamSession, level: unknown): JsonObject {
  const asks = session.era === 'modern' && isLevel(level) && session.capabilities['logging'] !== undefined;
  return asks ? withMeta(params, metaKeys.logLevel, level) : params;
}

/** Of a result that asks for input what asks: nothing else of it passes by the hooks. */
export function questionsOnly({ resultType, inputRequests, requestState, _meta }: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries({ resultType, inputRequests, requestState, _meta }).filter(
      ([, value]) => value !== undefined,
    ),
  );
}
