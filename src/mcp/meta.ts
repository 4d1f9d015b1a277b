import { isObject, type JsonObject } from './messages.js';

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
  const own: JsonObject = { ...meta };
  if (own['progressToken'] !== undefined) own['progressToken'] = token;
  for (const key of envelopeKeys) delete own[key];
  return { ...params, _meta: envelope ? Object.assign(own, envelope) : own };
}
