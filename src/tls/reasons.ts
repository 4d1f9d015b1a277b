import type { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import {
  ConnectionRefused,
  ConnectionTimeout,
  HandshakeFailed,
  HandshakeTimeout,
  HostNotFound,
  messageOf,
  NoClientCert,
  NoCommonCipher,
  NotTls,
  OurCertRefused,
  PeerCertRejected,
  PeerChainTooLong,
  PeerExpired,
  PeerNotCheckable,
  PeerNotYetValid,
  PeerRevoked,
  PeerUnknownCa,
  PeerWeak,
  PeerWrongPurpose,
  ProtocolTooOld,
  type SallyError,
} from '../errors.js';
import type { Logger } from '../log.js';
import { longestChain, unreadableIn, weakShown } from './chain.js';
import { handshakeTimeoutMs } from './load.js';

/** What a log line says of a TLS connection: who is there, and what was agreed. */
export interface PeerFacts {
  readonly subject?: string;
  readonly sans?: string;
  readonly serial?: string;
  readonly validFrom?: string;
  readonly validTo?: string;
  readonly issuer?: string;
  readonly protocol?: string;
  readonly cipher?: string;
}

/** The facts of a connection whose handshake has come as far as the peer's certificate. */
export function peerFacts(socket: TLSSocket): PeerFacts {
  // Node gives an empty object where the peer has presented none.
  const shown: Partial<DetailedPeerCertificate> | undefined = socket.getPeerCertificate(false);
  const certificate = shown?.raw && (shown as DetailedPeerCertificate);
  const protocol = socket.getProtocol();
  const cipher = socket.getCipher()?.name;
  return {
    ...(certificate && {
      subject: dnOf(certificate.subject),
      ...(certificate.subjectaltname && { sans: certificate.subjectaltname }),
      serial: certificate.serialNumber,
      validFrom: certificate.valid_from,
      validTo: certificate.valid_to,
      issuer: dnOf(certificate.issuer),
    }),
    ...(protocol && { protocol }),
    ...(cipher && { cipher }),
  };
}

function dnOf(name: object | undefined): string {
  return Object.entries(name ?? {})
    .flatMap(([key, value]) => [value].flat().map((one) => `${key}=${one}`))
    .join(', ');
}

/** Warns of each kind of remark once: what is so of one connection is so of the next ones too. */
export function remarkOnce(log: Logger): (remark: SallyError) => void {
  const remarked = new Set<string>();
  return (remark) => {
    if (remarked.has(remark.code)) return;
    remarked.add(remark.code);
    log.warn({ code: remark.code, remedy: remark.remedy }, remark.message);
  };
}

/** What is known of a handshake that failed. */
interface Failure {
  /** Who is at the other end, as a sentence would name it. */
  readonly peer: string;
  readonly side: 'client' | 'server';
  readonly facts?: PeerFacts;
  /** What the peer has shown, where it came so far: it tells more than the code that OpenSSL gives. */
  readonly chain?: readonly X509Certificate[];
}

type Reason = (failure: Failure, detail: string) => SallyError;

const context = ({ peer, side, facts }: Failure) => ({ peer, side, subject: facts?.subject });

const rejected: Reason = (f, detail) => PeerCertRejected({ ...context(f), detail });
const notCheckable: Reason = (f, detail) => PeerNotCheckable({ ...context(f), detail });
const unknownCa: Reason = (f, detail) => PeerUnknownCa({ ...context(f), detail });
const tooLong: Reason = (f) => PeerChainTooLong({ ...context(f), most: longestChain });
const wrongPurpose: Reason = (f) => PeerWrongPurpose(context(f));

/** Why OpenSSL refused the peer's certificate: X509_V_ERR_… as Node names them. */
const verifyReasons: Record<string, Reason> = {
  UNABLE_TO_GET_ISSUER_CERT: unknownCa,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownCa,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownCa,
  SELF_SIGNED_CERT_IN_CHAIN: unknownCa,
  DEPTH_ZERO_SELF_SIGNED_CERT: unknownCa,
  CERT_SIGNATURE_FAILURE: unknownCa,
  CERT_UNTRUSTED: unknownCa,
  CERT_HAS_EXPIRED: (f) => PeerExpired({ ...context(f), until: f.facts?.validTo }),
  CERT_NOT_YET_VALID: (f) => PeerNotYetValid({ ...context(f), from: f.facts?.validFrom }),
  INVALID_PURPOSE: wrongPurpose,
  CERT_REVOKED: (f) => PeerRevoked(context(f)),
  UNABLE_TO_GET_CRL: notCheckable,
  UNABLE_TO_DECRYPT_CRL_SIGNATURE: notCheckable,
  CRL_SIGNATURE_FAILURE: notCheckable,
  CRL_NOT_YET_VALID: notCheckable,
  CRL_HAS_EXPIRED: notCheckable,
  ERROR_IN_CRL_LAST_UPDATE_FIELD: notCheckable,
  ERROR_IN_CRL_NEXT_UPDATE_FIELD: notCheckable,
  CERT_REJECTED: rejected,
  CERT_CHAIN_TOO_LONG: tooLong,
  PATH_LENGTH_EXCEEDED: rejected,
  INVALID_CA: rejected,
  UNABLE_TO_DECRYPT_CERT_SIGNATURE: rejected,
  UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY: rejected,
  ERROR_IN_CERT_NOT_BEFORE_FIELD: rejected,
  ERROR_IN_CERT_NOT_AFTER_FIELD: rejected,
};

const tooOld: Reason = (f) => ProtocolTooOld(context(f));
const noCipher: Reason = (f) => NoCommonCipher(context(f));
const notTls: Reason = (f) => NotTls(context(f));
const ourCertRefused: Reason = (f, detail) => OurCertRefused({ ...context(f), alert: detail });
const certificateRequired: Reason = (f) => NoClientCert(context(f));

/** What went wrong in the exchange itself: the library's own codes, and the alerts of the peer (RFC 8446 6.2). */
const handshakeReasons: Record<string, Reason> = {
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: certificateRequired,
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: certificateRequired,
  ERR_SSL_UNSUPPORTED_PROTOCOL: tooOld,
  ERR_SSL_VERSION_TOO_LOW: tooOld,
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: tooOld,
  ERR_SSL_NO_SHARED_CIPHER: noCipher,
  ERR_SSL_NO_CIPHER_MATCH: noCipher,
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: (f, detail) =>
    // Over TLS 1.2 a server has this one alert for a missing certificate and for ciphers that do not meet.
    f.side === 'client'
      ? HandshakeFailed({ ...context(f), detail: `${detail} (no client certificate, or no common cipher)` })
      : noCipher(f, detail),
  ERR_SSL_WRONG_VERSION_NUMBER: notTls,
  ERR_SSL_HTTP_REQUEST: notTls,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: notTls,
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: ourCertRefused,
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: ourCertRefused,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: ourCertRefused,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: ourCertRefused,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED: ourCertRefused,
  ERR_SSL_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE: ourCertRefused,
  ERR_SSL_TLSV1_ALERT_ACCESS_DENIED: ourCertRefused,
  ERR_SSL_TLSV1_ALERT_DECRYPT_ERROR: ourCertRefused,
  // OpenSSL reads no more than 100 KiB of certificates.
  ERR_SSL_EXCESSIVE_MESSAGE_SIZE: tooLong,
  ERR_TLS_HANDSHAKE_TIMEOUT: (f) => HandshakeTimeout({ ...context(f), seconds: handshakeTimeoutMs / 1000 }),
  ECONNRESET: (f) =>
    HandshakeFailed({ ...context(f), detail: 'the connection was closed in the middle of it' }),
};

type Unreached = (peer: string, error: NodeJS.ErrnoException) => SallyError;
const refused: Unreached = (peer, error) =>
  ConnectionRefused({ peer, detail: error.message || 'ECONNREFUSED' }, error);
const notFound: Unreached = (peer, error) =>
  HostNotFound({ peer, host: hostOf(error), detail: String(error.code) }, error);
const timedOut: Unreached = (peer, error) =>
  ConnectionTimeout({ peer, seconds: handshakeTimeoutMs / 1000 }, error);

/** Ways not to reach the other side at all. */
const connectReasons: Record<string, Unreached> = {
  ECONNREFUSED: refused,
  // A Unix domain socket that is not there, or that this user may not open.
  ENOENT: refused,
  EACCES: refused,
  EHOSTUNREACH: refused,
  ENETUNREACH: refused,
  EADDRNOTAVAIL: refused,
  ENOTFOUND: notFound,
  EAI_AGAIN: notFound,
  ETIMEDOUT: timedOut,
};

const hostOf = (error: NodeJS.ErrnoException): string =>
  String((error as { hostname?: unknown }).hostname ?? '');

/** Why the peer's certificate did not verify, from the code that OpenSSL gave. */
export function verifyFailure(code: string, failure: Failure): SallyError {
  const reason = (Object.hasOwn(verifyReasons, code) ? verifyReasons[code] : undefined) ?? rejected;
  const weak = weaknessBehind(reason, failure);
  return weak ? PeerWeak({ ...context(failure), detail: weak.detail }) : reason(failure, code);
}

/** Node has one code, UNSPECIFIED, for weak keys and signatures; and what OpenSSL cannot read looks foreign to it. */
function weaknessBehind(reason: Reason, { chain = [], side }: Failure) {
  if (reason === unknownCa) return unreadableIn(chain);
  if (reason !== rejected && reason !== wrongPurpose) return undefined;
  return weakShown(chain, side === 'server' ? 'client' : 'server');
}

/** Why a handshake did not come to its end, from the error that the socket gave. */
export function handshakeFailure(error: Error, failure: Failure): SallyError {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (Object.hasOwn(verifyReasons, code)) return verifyFailure(code, failure);
  const detail = alertText(error);
  // Node gives no code of their own to errors of OpenSSL that it does not know: the text tells them apart.
  const known =
    handshakeReasons[code] ?? handshakeReasons[`ERR_SSL_${detail.toUpperCase().replaceAll(' ', '_')}`];
  return known
    ? known(failure, detail)
    : HandshakeFailed({ ...context(failure), detail: detail || code }, error);
}

/** Why a connection could not be made: the way there, or the handshake. `undefined` for any other error. */
export function connectFailure(error: Error, failure: Failure): SallyError | undefined {
  const first: NodeJS.ErrnoException =
    (error instanceof AggregateError ? error.errors[0] : undefined) ?? error;
  const code = first.code ?? (error as NodeJS.ErrnoException).code ?? '';
  const reason = Object.hasOwn(connectReasons, code) ? connectReasons[code] : undefined;
  if (reason) return reason(failure.peer, first);
  const ofTls =
    ['EPROTO', 'ECONNRESET'].includes(code) ||
    code.startsWith('ERR_SSL_') ||
    Object.hasOwn(verifyReasons, code);
  return ofTls ? handshakeFailure(first, failure) : undefined;
}

/** `tlsv1 alert unknown ca` out of `…:SSL routines:ssl3_read_bytes:tlsv1 alert unknown ca:../deps/…:SSL alert number 48`. */
function alertText(error: Error): string {
  return error.message.match(/SSL routines:[^:]*:([^:]+)/)?.[1]?.trim() ?? messageOf(error).trim();
}
