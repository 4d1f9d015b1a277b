import { createHash } from 'node:crypto';
import { ClientNotAskable } from '../../errors.js';
import { writeJson } from '../../json/index.js';
import { type Answer, isObject, type JsonObject, type RequestId } from '../../mcp/messages.js';
import { metaKeys } from '../../mcp/meta.js';
import { type Client, type Identity, principalOf } from '../client.js';
import type { Envelope } from './classify.js';

/** What a request without a session says of its sender. Nothing can be sent to such a client by itself. */
export function statelessClient(identity: Identity, envelope: Envelope): Client {
  const { revision, capabilities, info } = envelope;
  return {
    key: keyOf(principalOf(identity), capabilities),
    era: 'modern',
    revision,
    capabilities,
    info,
    identity,
    notify() {},
    ask: (method) => Promise.reject(ClientNotAskable({ method, revision })),
  };
}

/** The same for one principal and one set of capabilities, and short however much a client says. */
function keyOf(principal: string, capabilities: JsonObject): string {
  const key = `${principal} ${writeJson(capabilities)}`;
  return key.length <= 200 ? key : createHash('sha256').update(key).digest('base64url');
}

/** Methods of the other era, answered as unknown whatever the upstreams have. */
const removed = new Set([
  'initialize',
  'ping',
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
]);

export function removedMethod(method: string): Answer | undefined {
  return removed.has(method)
    ? { error: { code: -32601, message: `Method not found: ${method}` } }
    : undefined;
}

/** A result as 2026-07-28 has it: it says of which type it is and who answers. */
export function modernAnswer(answer: Answer, serverInfo: JsonObject, subscription?: RequestId): Answer {
  if ('error' in answer) return answer;
  const { result } = answer;
  const meta = isObject(result['_meta']) ? result['_meta'] : undefined;
  const own = { ...(subscription !== undefined && { [metaKeys.subscriptionId]: subscription }) };
  return {
    result: {
      ...result,
      resultType: result['resultType'] ?? 'complete',
      _meta: { [metaKeys.serverInfo]: serverInfo, ...meta, ...own },
    },
  };
}

/** A notification of a subscription names the request that it belongs to. */
export function subscribed(params: JsonObject | undefined, subscription: RequestId): JsonObject {
  const meta = params?.['_meta'];
  return { ...params, _meta: { ...(isObject(meta) && meta), [metaKeys.subscriptionId]: subscription } };
}

/** The HTTP status of an error: those that the specification names go with one; all else is the payload of a 200. */
export function statusOf(answer: Answer): number {
  if (!('error' in answer)) return 200;
  const { code } = answer.error;
  if (code === -32601) return 404;
  return code === -32020 || code === -32021 || code === -32022 ? 400 : 200;
}
