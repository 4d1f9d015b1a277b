import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { checkServerIdentity as checkIdentity, type PeerCertificate, type TLSSocket } from 'node:tls';
import { buildConnector } from 'undici';
import { HostnameMismatch, type SallyError } from '../errors.js';
import type { Logger } from '../log.js';
import type { Credentials } from './credentials.js';
import { oneLineName, peerFacts } from './peer.js';
import { handshakeTimeoutMs, tlsPolicy } from './policy.js';
import { connectFailure } from './reasons.js';

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
      if (tls) log.debug({ ...peerFacts(socket as TLSSocket), remote: peer }, 'TLS handshake done');
      callback(null, socket);
    });
  };
}

function tlsOptions(options: ConnectorOptions, tls: NonNullable<ConnectorOptions['tls']>) {
  const name = tls.serverName ?? bareHost(options.url);
  return {
    secureContext: tls.credentials.current().context,
    minVersion: tlsPolicy.minVersion,
    rejectUnauthorized: tls.verify,
    // RFC 6066 section 3: no literal address in SNI.
    ...(isIP(name) === 0 && { servername: name }),
    checkServerIdentity: (_host: string, certificate: PeerCertificate) =>
      tls.checkHostname ? hostnameMismatch(name, certificate, options.peer) : undefined,
    maxCachedSessions: 0,
    timeout: handshakeTimeoutMs,
  };
}

/** The error where `certificate` is not for `name` (RFC 6125, RFC 9525), undefined where it is. */
function hostnameMismatch(name: string, certificate: PeerCertificate, peer: string): SallyError | undefined {
  if (checkIdentity(name, certificate) === undefined) return undefined;
  const names = certificate.subjectaltname?.split(', ').filter((san) => !san.startsWith('URI:')) ?? [];
  const valid = names.join(', ') || 'no host name and no IP address';
  return HostnameMismatch({ peer, host: name, ip: isIP(name) !== 0, valid });
}

/** A URL's host without the brackets of an IPv6 address. */
function bareHost(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}

/** How an error names our own certificate. */
export function ownName(certificate: X509Certificate | undefined): string {
  return certificate ? oneLineName(certificate.subject) : 'none';
}
