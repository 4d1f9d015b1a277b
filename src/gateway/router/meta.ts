import type { JsonObject } from '../rpc.js';
import { isObject } from './graft.js';

const prefix = 'io.modelcontextprotocol/';
export const metaKeys = {
  protocolVersion: `${prefix}protocolVersion`,
  clientInfo: `${prefix}clientInfo`,
  clientCapabilities: `${prefix}clientCapabilities`,
  logLevel: `${prefix}logLevel`,
  serverInfo: `${prefix}serverInfo`,
  subscriptionId: `${prefix}subscriptionId`,
} as const;

/** What of a request's `_meta` is the hop's own: made anew for each. */
const envelope: readonly string[] = [
  metaKeys.protocolVersion,
  metaKeys.clientInfo,
  metaKeys.clientCapabilities,
  metaKeys.logLevel,
];

export function metaOf(value: unknown): JsonObject {
  const meta = isObject(value) ? value['_meta'] : undefined;
  return isObject(meta) ? meta : {};
}

/** `value` with keys of its `_meta` gone, and without an empty `_meta` that this leaves behind. */
export function withoutMeta(value: JsonObject, keys: readonly string[]): JsonObject {
  const meta = value['_meta'];
  if (!isObject(meta) || !keys.some((key) => Object.hasOwn(meta, key))) return value;
  const kept = Object.fromEntries(Object.entries(meta).filter(([key]) => !keys.includes(key)));
  const { _meta, ...rest } = value;
  return Object.keys(kept).length === 0 ? rest : { ...value, _meta: kept };
}

/** `value` with a key of `_meta` set. */
export function withMeta(value: JsonObject, key: string, entry: unknown): JsonObject {
  return { ...value, _meta: { ...metaOf(value), [key]: entry } };
}

/** Params without the envelope of the client's hop: the progress token and what else is in `_meta` goes on. */
export function withoutEnvelope(params: JsonObject): JsonObject {
  return withoutMeta(params, envelope);
}
