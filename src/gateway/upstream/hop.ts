import type { JsonObject } from '../rpc.js';
import { isObject } from './message.js';

const prefix = 'io.modelcontextprotocol/';

/** Keys of `_meta` that belong to one hop of a 2026-07-28 request. */
export const metaKeys = {
  revision: `${prefix}protocolVersion`,
  client: `${prefix}clientInfo`,
  capabilities: `${prefix}clientCapabilities`,
  subscription: `${prefix}subscriptionId`,
} as const;

/** What a 2026-07-28 request says of its sender. */
export type Envelope = JsonObject;

export function envelopeOf(revision: string, client: JsonObject, capabilities: JsonObject): Envelope {
  return {
    [metaKeys.revision]: revision,
    [metaKeys.client]: client,
    [metaKeys.capabilities]: capabilities,
  };
}

/** The caller's own progress token. */
export function progressTokenOf(params: JsonObject | undefined): unknown {
  const meta = params?.['_meta'];
  return isObject(meta) ? meta['progressToken'] : undefined;
}

/** `params` for this hop: with the request's own progress token, where one was asked for, and with the envelope of the era. */
export function hopParams(
  params: JsonObject | undefined,
  token: number,
  envelope: Envelope | undefined,
): JsonObject | undefined {
  const meta = params?.['_meta'];
  if (!isObject(meta)) return envelope ? { ...params, _meta: envelope } : params;
  const own: JsonObject = { ...meta };
  if (own['progressToken'] !== undefined) own['progressToken'] = token;
  for (const key of [metaKeys.revision, metaKeys.client, metaKeys.capabilities]) delete own[key];
  return { ...params, _meta: envelope ? Object.assign(own, envelope) : own };
}

/** `params` of a notification without the mark of the subscription that it came by, which means nothing elsewhere. */
export function withoutSubscription(params: JsonObject | undefined): JsonObject | undefined {
  const meta = params?.['_meta'];
  if (!isObject(meta) || !(metaKeys.subscription in meta)) return params;
  const { [metaKeys.subscription]: _, ...rest } = meta;
  const { _meta, ...others } = params as JsonObject;
  return Object.keys(rest).length > 0 ? { ...others, _meta: rest } : others;
}
