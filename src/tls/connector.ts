import type { X509Certificate } from 'node:crypto';
import { isIP, type LookupFunction, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { buildConnector } from 'undici';
import { ConnectionLost, messageOf, PeerWeak, type SallyError } from '../errors.js';
import type { Logger } from '../log.js';
import { oneLineName } from '../pki/pem.js';
import type { Observer } from '../telemetry/index.js';
import { weakShown } from './chain.js';
import type { Credentials } from './credentials.js';
import { judgeHostname } from './identity.js';
import { type CredentialSet, handshakeTimeoutMs, tlsPolicy } from './load.js';
import { openSocket } from './open-socket.js';
import { connectFailure, peerFacts, remarkOnce, verifyFailure } from './reasons.js';
import {
  anyPeer,
  chainOf,
  createLiveConnections,
  judgePeer,
  type LiveConnections,
  type PeerRule,
  type PeerVerdict,
} from './trust.js';

export interface ConnectorOptions {
  readonly url: URL;
  /** The other end, as a sentence names it. */
  readonly peer: string;
  /** A Unix domain socket in place of the URL's host. */
  readonly socketPath?: string;
  /** Resolves names, in place of the system's way. */
  readonly lookup?: LookupFunction;
  /** Absent for a plain HTTP URL. */
  readonly tls?: {
    readonly credentials: Credentials;
    readonly verify: boolean;
    readonly checkHostname: boolean;
    readonly serverName?: string | undefined;
    /** Who has to be there, beside that. Default: anyone. */
    readonly server?: PeerRule;
  };
  /** What a connection goes over, in place of one of its own: only where `url` is https. */
  readonly carrier?: (target: buildConnector.Options) => Promise<Socket>;
  readonly log: Logger;
  readonly observer?: Observer | undefined;
  /**
   * Called with a connection that is to be given nothing more, and to be closed once what is in flight is over: its peer
   * is not trusted any more (`reason`), or it belongs to credentials that have been replaced. Default: it is closed at
   * once.
   */
  readonly onRetire?: (socket: TLSSocket, reason: SallyError | undefined) => void;
}

/**
 * How connections are opened, for our own pool and for undici's: over the credentials that are current then, with every
 * failure turned into an error of the registry. Only the configured CA is trusted; sessions are not resumed.
 */
export function createConnector(options: ConnectorOptions): buildConnector.connector {
  const { tls, peer, log, observer } = options;
  const live = tls && openLive(options, tls);
  const remark = remarkOnce(log);
  return (target, callback) => {
    const version = tls?.credentials.current().version ?? 0;
    const opening = {
      ...(tls ? { tls: tlsOptions(options, tls) } : { socketPath: options.socketPath }),
      lookup: options.lookup,
      timeoutMs: handshakeTimeoutMs,
    };
    const observed = observer?.handshake?.({ role: 'client' });
    const done: buildConnector.Callback = (...[error, socket]) => {
      if (error) {
        const failure = isPlainReset(error, target.protocol)
          ? ConnectionLost({ peer, detail: messageOf(error) }, error)
          : connectFailure(error, { peer, side: 'client' });
        observed?.end(failure ?? error);
        callback(failure ?? error, null);
        return;
      }
      if (tls && live) {
        const secure = socket as TLSSocket;
        const chain = chainOf(secure);
        const verdict = judgeServer(secure, chain, tls, options);
        const refused = verdict?.kind === 'refused';
        if (log.isLevelEnabled?.('debug') !== false) {
          const outcome = refused ? 'TLS handshake refused' : 'TLS handshake done';
          log.debug({ ...peerFacts(secure), remote: peer }, outcome);
        }
        if (refused) {
          observed?.end(verdict.error);
          socket.destroy();
          callback(verdict.error, null);
          return;
        }
        for (const said of verdict?.remarks ?? []) remark(said);
        live.add({ socket: secure, chain, until: verdict?.until, version });
      }
      const weak = !tls && socket instanceof TLSSocket ? publicFailure(socket, options) : undefined;
      observed?.end(weak);
      if (weak) {
        socket.destroy();
        callback(weak, null);
      } else callback(null, socket);
    };
    if (options.carrier === undefined) openSocket(target, opening, done);
    else {
      options.carrier(target).then(
        (httpSocket) => openSocket({ ...target, httpSocket }, opening, done),
        (error: Error) => done(error, null),
      );
    }
  };
}

/** Whether a connection without TLS was reset: there was no handshake that could have failed. */
const isPlainReset = (error: Error, protocol: string): boolean =>
  protocol === 'http:' && (error as NodeJS.ErrnoException).code === 'ECONNRESET';

/** A server that the roots of the system vouch for, and Node has taken: what Node does not look at. */
function publicFailure(socket: TLSSocket, { url, peer }: ConnectorOptions): SallyError | undefined {
  const chain = chainOf(socket);
  const [leaf] = chain;
  if (leaf === undefined) return undefined;
  const weak = weakShown(chain, 'server');
  if (weak)
    return PeerWeak({ peer, side: 'client', subject: oneLineName(leaf.subject), detail: weak.detail });
  const named = judgeHostname(bareHost(url), leaf, peer);
  return named.kind === 'refused' ? named.error : undefined;
}

function openLive({ peer, log, onRetire }: ConnectorOptions, tls: TlsTarget): LiveConnections {
  return createLiveConnections({
    credentials: tls.credentials,
    judge: ({ chain }, set) => judgeAs(tls, peer, chain, set),
    keep: 'current',
    retire: (socket, reason) => {
      if (reason)
        log.warn({ code: reason.code, remedy: reason.remedy }, `connection ended: ${reason.message}`);
      if (onRetire) onRetire(socket, reason);
      else socket.destroy();
    },
  });
}

type TlsTarget = NonNullable<ConnectorOptions['tls']>;

function tlsOptions({ url }: ConnectorOptions, tls: TlsTarget) {
  const name = expectedName(url, tls);
  return {
    secureContext: tls.credentials.current().context,
    minVersion: tlsPolicy.minVersion,
    // `refuse` judges the server once the handshake is done, before a byte is sent: by then it can be named.
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
    // RFC 6066 section 3: no literal address in SNI.
    ...(isIP(name) === 0 && { servername: name }),
  };
}

/** Whether anything may be sent to this server; undefined where nobody asks who it is. */
function judgeServer(
  socket: TLSSocket,
  chain: readonly X509Certificate[],
  tls: TlsTarget,
  { url, peer }: ConnectorOptions,
): PeerVerdict | undefined {
  if (!tls.verify) return undefined;
  const [certificate] = chain;
  if (socket.authorized !== true || certificate === undefined) {
    const reason = String(socket.authorizationError ?? 'NO_CERTIFICATE');
    const failure = { peer, side: 'client', facts: peerFacts(socket), chain } as const;
    return { kind: 'refused', error: verifyFailure(reason, failure) };
  }
  const named = tls.checkHostname ? judgeHostname(expectedName(url, tls), certificate, peer) : undefined;
  if (named?.kind === 'refused') return named;
  const verdict = judgeAs(tls, peer, chain, tls.credentials.current());
  if (verdict?.kind !== 'trusted' || named?.remark === undefined) return verdict;
  return { ...verdict, remarks: [named.remark, ...verdict.remarks] };
}

function judgeAs(
  tls: TlsTarget,
  peer: string,
  chain: readonly X509Certificate[],
  set: CredentialSet,
): PeerVerdict | undefined {
  if (!tls.verify) return undefined;
  const rule = tls.server ?? anyPeer;
  return judgePeer(chain, { set, rule, peer, side: 'client', now: new Date() });
}

/** The name that the certificate has to hold. */
function expectedName(url: URL, tls: TlsTarget): string {
  return tls.serverName ?? bareHost(url);
}

/** A URL's host without the brackets of an IPv6 address. */
function bareHost(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}

/** How an error names our own certificate. */
export function ownName(certificate: X509Certificate | undefined): string {
  return certificate ? oneLineName(certificate.subject) : 'none';
}
