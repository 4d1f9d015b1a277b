import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate, type TLSSocket } from 'node:tls';
import { buildConnector } from 'undici';
import { HostnameMismatch, type SallyError } from '../errors.js';
import type { Logger } from '../log.js';
import type { Credentials } from './credentials.js';
import { oneLineName, type PeerFacts, peerFacts, presented } from './peer.js';
import { handshakeTimeoutMs, tlsPolicy } from './policy.js';
import { connectFailure, verifyFailure } from './reasons.js';

interface ConnectorOptions {
  readonly url: URL;
  /** The other end, as a sentence names it. */
  readonly peer: string;
  /** A Unix domain socket in place of the URL's host. */
  readonly socketPath?: string;
  /** Absent for a plain HTTP URL. */
  readonly tls?: {
    readonly credentials: Credentials;
    readonly verify: boolean;
    readonly checkHostname: boolean;
    readonly serverName?: string | undefined;
  };
  readonly log: Logger;
}

/**
 * How undici opens a connection: over the credentials that are current then, with every failure turned into an
 * error of the registry. Only the configured CA is trusted; sessions are not resumed.
 */
export function createConnector(options: ConnectorOptions): buildConnector.connector {
  return (target, callback) => {
    const { tls, peer, log } = options;
    const connect = buildConnector(
      tls
        ? tlsOptions(options, tls)
        : { timeout: handshakeTimeoutMs, socketPath: options.socketPath ?? null },
    );
    connect(target, (error, socket) => {
      if (error) {
        // undici's callback takes an error or a socket; both are given as the pair it expects.
        callback(connectFailure(error, { peer, side: 'client' }) ?? error, null);
        return;
      }
      if (tls) {
        const facts = peerFacts(socket as TLSSocket);
        const refusal = refuse(socket as TLSSocket, tls, options, facts);
        log.debug({ ...facts, remote: peer }, refusal ? 'TLS handshake refused' : 'TLS handshake done');
        if (refusal) {
          socket.destroy();
          callback(refusal, null);
          return;
        }
      }
      callback(null, socket);
    });
  };
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
    maxCachedSessions: 0,
    timeout: handshakeTimeoutMs,
  };
}

/** Why nothing is sent to this server; undefined where it is the right one. */
function refuse(
  socket: TLSSocket,
  tls: TlsTarget,
  { url, peer }: ConnectorOptions,
  facts: PeerFacts,
): SallyError | undefined {
  if (!tls.verify) return undefined;
  const certificate = presented(socket);
  if (socket.authorized !== true || certificate === undefined) {
    return verifyFailure(String(socket.authorizationError ?? 'NO_CERTIFICATE'), {
      peer,
      side: 'client',
      facts,
    });
  }
  return tls.checkHostname ? hostnameMismatch(expectedName(url, tls), certificate, peer) : undefined;
}

/** The error where `certificate` is not for `name` (RFC 6125, RFC 9525), undefined where it is. */
function hostnameMismatch(name: string, certificate: PeerCertificate, peer: string): SallyError | undefined {
  if (checkServerIdentity(name, certificate) === undefined) return undefined;
  const names = certificate.subjectaltname?.split(', ').filter((san) => !san.startsWith('URI:')) ?? [];
  const valid = names.join(', ') || 'no host name and no IP address';
  return HostnameMismatch({ peer, host: name, ip: isIP(name) !== 0, valid });
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
