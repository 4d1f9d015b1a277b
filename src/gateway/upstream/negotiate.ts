import { messageOf, type SallyError, UpstreamProtocol, UpstreamStatus } from '../../errors.js';
import {
  codes,
  isObject,
  type JsonObject,
  type PeerMessage as Message,
  plainText,
  type RpcError,
} from '../../mcp/messages.js';
import { metaKeys } from '../../mcp/meta.js';
import { isServerRevision, modernRevision, serverRevisions } from '../../mcp/revisions.js';
import type { Facts } from './link.js';

/** What came of `server/discover`: a JSON-RPC answer, or an HTTP reply without one. */
export type Discovery =
  | { readonly kind: 'answer'; readonly message: Message }
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly text: string;
      readonly challenge: string | undefined;
    };

export type Verdict =
  | { readonly kind: 'modern'; readonly facts: Facts }
  | { readonly kind: 'legacy' }
  | { readonly kind: 'failed'; readonly error: SallyError };

/** Replies that say nothing about the era: who asks, how often, or whether anyone is there. */
const noSign = new Set([401, 403, 407, 408, 421, 425, 429]);

/** Which era an upstream speaks. Only what a server of the era would say counts; silence and refusal never do. */
export function judgeDiscovery(upstream: string, discovery: Discovery): Verdict {
  if (discovery.kind === 'status') {
    const { status } = discovery;
    // A server without that method may say so in any way that it says "bad request", or take it for a notification.
    const bad = status >= 400 && status < 500 && !noSign.has(status);
    if (bad || (status >= 200 && status < 300)) return { kind: 'legacy' };
    return { kind: 'failed', error: UpstreamStatus({ upstream, method: 'server/discover', ...discovery }) };
  }
  const { result, error } = discovery.message;
  if (isObject(error)) return judgeError(upstream, error);
  return isObject(result) ? judgeResult(upstream, result) : { kind: 'legacy' };
}

function judgeResult(upstream: string, result: JsonObject): Verdict {
  const versions = result['supportedVersions'];
  if (!Array.isArray(versions)) return { kind: 'legacy' };
  if (!versions.includes(modernRevision)) return judgeVersions(upstream, versions);
  return { kind: 'modern', facts: factsOf('modern', modernRevision, result) };
}

function judgeError(upstream: string, error: RpcError): Verdict {
  const data = isObject(error.data) ? error.data : {};
  if (error.code === codes.unsupportedVersion && Array.isArray(data['supported'])) {
    return judgeVersions(upstream, data['supported']);
  }
  if (error.code === codes.headerMismatch || error.code === codes.missingCapability) {
    const detail = `it refused server/discover: ${plainText(messageOf(error))} (${error.code})`;
    return { kind: 'failed', error: UpstreamProtocol({ upstream, detail }) };
  }
  return { kind: 'legacy' };
}

function judgeVersions(upstream: string, versions: readonly unknown[]): Verdict {
  if (versions.some((version) => isServerRevision(version))) {
    return { kind: 'legacy' };
  }
  const detail = `it speaks ${plainText(versions.map(messageOf).join(', ')) || 'no revision'}; spoken here are ${[modernRevision, ...serverRevisions].join(', ')}`;
  return { kind: 'failed', error: UpstreamProtocol({ upstream, detail }) };
}

/** What the answer to `initialize` says; a SallyError where it cannot be used. */
export function judgeInitialize(upstream: string, message: Message): Facts | SallyError {
  const { result, error } = message;
  if (isObject(error)) {
    const detail = `it refused initialize: ${plainText(messageOf(error))} (${plainText(messageOf(error.code))})`;
    return UpstreamProtocol({ upstream, detail });
  }
  const revision = result?.['protocolVersion'];
  if (!isObject(result) || typeof revision !== 'string') {
    return UpstreamProtocol({ upstream, detail: 'its answer to initialize names no protocolVersion' });
  }
  if (!isServerRevision(revision)) {
    const detail = `it wants revision ${plainText(revision)}; spoken here are ${serverRevisions.join(', ')}`;
    return UpstreamProtocol({ upstream, detail });
  }
  return factsOf('legacy', revision, result);
}

function factsOf(era: Facts['era'], revision: string, result: JsonObject): Facts {
  const { capabilities, instructions } = result;
  const meta = isObject(result['_meta']) ? result['_meta'] : {};
  const info = result['serverInfo'] ?? meta[metaKeys.serverInfo];
  return {
    era,
    revision,
    capabilities: isObject(capabilities) ? capabilities : {},
    serverInfo: isObject(info) ? info : {},
    instructions: typeof instructions === 'string' ? instructions : undefined,
  };
}
