import { messageOf, type SallyError } from '../../errors.js';
import { codes, isObject, type JsonObject, metaKeys, plainText, type RpcError } from '../messages.js';
import type { PeerMessage } from '../requests.js';
import { isServerRevision, modernRevision, serverRevisions } from '../revisions.js';
import type { Facts, PeerErrors } from './session.js';

type Errors = Pick<PeerErrors, 'protocol' | 'status'>;

/** What came of `server/discover`: a JSON-RPC answer, or an HTTP reply without one. */
export type Discovery =
  | { readonly kind: 'answer'; readonly message: PeerMessage }
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly text: string;
      readonly challenge: string | undefined;
    };

/** What it says of the server. */
export type Judged =
  | { readonly kind: 'modern'; readonly facts: Facts }
  | { readonly kind: 'legacy' }
  | { readonly kind: 'failed'; readonly error: SallyError };

/** Replies that say nothing about the era: who asks, how often, or whether anyone is there. */
const noSign = new Set([401, 403, 407, 408, 421, 425, 429]);

/** Whether a status of refusal says that the server is of another kind than the request. */
export const isOtherKind = (status: number): boolean => status >= 400 && status < 500 && !noSign.has(status);

/** Which era a server speaks. Only what a server of the era would say counts; silence and refusal never do. */
export function judgeDiscovery(errors: Errors, discovery: Discovery): Judged {
  if (discovery.kind === 'status') {
    const { status } = discovery;
    // A server without that method may say so in any way that it says "bad request", or take it for a notification.
    if (isOtherKind(status) || (status >= 200 && status < 300)) return { kind: 'legacy' };
    return { kind: 'failed', error: errors.status({ method: 'server/discover', ...discovery }) };
  }
  const { result, error } = discovery.message;
  if (isObject(error)) return judgeError(errors, error);
  return isObject(result) ? judgeResult(errors, result) : { kind: 'legacy' };
}

function judgeResult(errors: Errors, result: JsonObject): Judged {
  const versions = result['supportedVersions'];
  if (!Array.isArray(versions)) return { kind: 'legacy' };
  if (!versions.includes(modernRevision)) return judgeVersions(errors, versions);
  return { kind: 'modern', facts: factsOf('modern', modernRevision, result) };
}

function judgeError(errors: Errors, error: RpcError): Judged {
  const data = isObject(error.data) ? error.data : {};
  if (error.code === codes.unsupportedVersion && Array.isArray(data['supported'])) {
    return judgeVersions(errors, data['supported']);
  }
  if (error.code === codes.headerMismatch || error.code === codes.missingCapability) {
    const detail = `it refused server/discover: ${plainText(messageOf(error))} (${error.code})`;
    return { kind: 'failed', error: errors.protocol(detail) };
  }
  return { kind: 'legacy' };
}

function judgeVersions(errors: Errors, versions: readonly unknown[]): Judged {
  if (versions.some((version) => isServerRevision(version))) {
    return { kind: 'legacy' };
  }
  const detail = `it speaks ${plainText(versions.map(messageOf).join(', ')) || 'no revision'}; spoken here are ${[modernRevision, ...serverRevisions].join(', ')}`;
  return { kind: 'failed', error: errors.protocol(detail) };
}

/** What the answer to `initialize` says; a SallyError where it cannot be used. */
export function judgeInitialize(errors: Errors, message: PeerMessage): Facts | SallyError {
  const { result, error } = message;
  if (isObject(error)) {
    const detail = `it refused initialize: ${plainText(messageOf(error))} (${plainText(messageOf(error.code))})`;
    return errors.protocol(detail);
  }
  const revision = result?.['protocolVersion'];
  if (!isObject(result) || typeof revision !== 'string') {
    return errors.protocol('its answer to initialize names no protocolVersion');
  }
  if (!isServerRevision(revision)) {
    const detail = `it wants revision ${plainText(revision)}; spoken here are ${serverRevisions.join(', ')}`;
    return errors.protocol(detail);
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
