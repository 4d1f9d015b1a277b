import { createServer, type Server, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import {
  HandshakeFailed,
  HandshakeTimeout,
  NoClientCert,
  NotTls,
  PlainHttpToTls,
  type SallyError,
} from '../errors.js';
import type { Logger } from '../log.js';
import type { Credentials } from './credentials.js';
import { type PeerFacts, peerFacts, presented } from './peer.js';
import { handshakeTimeoutMs } from './policy.js';
import { handshakeFailure, verifyFailure } from './reasons.js';

/** What is asked of clients: nothing, a certificate that verifies if one is presented, or a certificate. */
export type ClientCertificate = 'none' | 'optional' | 'required';

interface FrontOptions {
  readonly credentials: Credentials;
  readonly clientCertificate: ClientCertificate;
  readonly log: Logger;
  /** Called with a connection whose peer has passed. */
  readonly onSecure: (socket: TLSSocket) => void;
}

/** First byte of a TLS record that carries a handshake (RFC 8446 section 5.1). */
const handshakeRecord = 0x16;

/**
 * A listener that lets a connection through only once its peer is known. It stands before the HTTP server in
 * place of `https.Server` for three reasons: each connection takes the credentials that are current when it
 * arrives; a peer that is refused can still be named in the log; and plain HTTP gets an answer.
 */
export function createTlsFront(options: FrontOptions): Server {
  // Without `noDelay` a small reply waits 40 ms for the acknowledgement of the one before.
  return createServer({ noDelay: true }, (raw) => {
    const peer = `the client ${raw.remoteAddress ?? 'unknown'}:${raw.remotePort ?? 0}`;
    raw.setTimeout(handshakeTimeoutMs, () => raw.destroy());
    raw.on('error', () => raw.destroy());
    raw.once('data', (first: Buffer) => {
      raw.pause();
      raw.setTimeout(0);
      if (first[0] === handshakeRecord) {
        raw.unshift(first);
        handshake(raw, peer, options);
      } else {
        answerPlainHttp(raw, first, peer, options.log);
      }
    });
  });
}

function handshake(raw: Socket, peer: string, options: FrontOptions): void {
  const { credentials, clientCertificate, log } = options;
  const socket = new TLSSocket(raw, {
    isServer: true,
    secureContext: credentials.current().context,
    requestCert: clientCertificate !== 'none',
    // With `required` OpenSSL itself ends the handshake of a client without one, and sends the alert that
    // says so. A certificate that was presented is judged in `admit`, whatever this says.
    rejectUnauthorized: clientCertificate === 'required',
    ALPNProtocols: ['http/1.1'],
  });
  let finished = false;
  const fail = (error: SallyError, facts: PeerFacts = {}) => {
    if (finished) return;
    finished = true;
    clearTimeout(timer);
    log.warn({ code: error.code, remedy: error.remedy }, error.message);
    log.debug({ ...facts, remote: peer }, 'TLS handshake refused');
    socket.destroy();
  };
  const timer = setTimeout(
    () => fail(HandshakeTimeout({ peer, side: 'server', seconds: handshakeTimeoutMs / 1000 })),
    handshakeTimeoutMs,
  );
  const onError = (error: Error) => {
    if (finished) socket.destroy();
    else fail(handshakeFailure(error, { peer, side: 'server' }), safeFacts(socket));
  };
  // A TLSSocket of one's own reports what goes wrong before the handshake is done as `_tlsError`.
  socket.on('_tlsError', onError);
  socket.on('error', onError);
  socket.once('close', () => {
    const detail =
      'the client closed it without a word, as many do that refuse a certificate: its log says why';
    fail(HandshakeFailed({ peer, side: 'server', detail }));
  });
  socket.once('secure', () => {
    const facts = peerFacts(socket);
    const refusal = admit(socket, clientCertificate, peer, facts);
    if (refusal) return fail(refusal, facts);
    finished = true;
    clearTimeout(timer);
    log.debug({ ...facts, remote: peer }, 'TLS handshake done');
    options.onSecure(socket);
  });
}

/** Why this peer may not pass; undefined where it may. */
function admit(
  socket: TLSSocket,
  wanted: ClientCertificate,
  peer: string,
  facts: PeerFacts,
): SallyError | undefined {
  const certificate = presented(socket);
  if (wanted === 'none') return undefined;
  if (certificate === undefined) {
    return wanted === 'optional' ? undefined : NoClientCert({ peer, side: 'server' });
  }
  const verdict = verifyVerdict(socket);
  return verdict === undefined ? undefined : verifyFailure(verdict, { peer, side: 'server', facts });
}

/**
 * OpenSSL's verdict on the peer's certificate; undefined where it is good. Node computes `authorized` only for
 * sockets that its own TLS server made; the verdict that it computes it from is on the handle of any. Where a
 * future Node has no such method, nobody is admitted.
 */
function verifyVerdict(socket: TLSSocket): string | undefined {
  const handle = (socket as unknown as { _handle?: { verifyError?: () => NodeJS.ErrnoException | null } })
    ._handle;
  if (typeof handle?.verifyError !== 'function') return 'NO_VERDICT';
  const error = handle.verifyError();
  return error ? (error.code ?? error.message) : undefined;
}

function safeFacts(socket: TLSSocket): PeerFacts {
  return socket.destroyed ? {} : peerFacts(socket);
}

const httpMethod = /^(GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|TRACE|CONNECT) /;

function answerPlainHttp(raw: Socket, first: Buffer, peer: string, log: Logger): void {
  const http = httpMethod.test(first.subarray(0, 16).toString('latin1'));
  const error = http ? PlainHttpToTls({ peer }) : NotTls({ peer, side: 'server' });
  log.warn({ code: error.code, remedy: error.remedy }, error.message);
  if (!http) {
    raw.destroy();
    return;
  }
  const body = `${JSON.stringify({ code: error.code, error: 'this port speaks TLS', remedy: error.remedy })}\n`;
  raw.setTimeout(2_000, () => raw.destroy());
  raw.end(
    `HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
  raw.resume();
}
