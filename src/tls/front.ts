import type { X509Certificate } from 'node:crypto';
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
import { peerLog } from '../log/limit.js';
import type { Logger } from '../log.js';
import type { Observer } from '../telemetry/index.js';
import type { Credentials } from './credentials.js';
import { handshakeTimeoutMs } from './load.js';
import { handshakeFailure, type PeerFacts, peerFacts, remarkOnce, verifyFailure } from './reasons.js';
import {
  anyPeer,
  chainOf,
  createLiveConnections,
  judgePeer,
  type LiveConnections,
  type PeerRule,
  type PeerVerdict,
} from './trust.js';

/** What is asked of clients: nothing, a certificate that verifies if one is presented, or a certificate. */
export type ClientCertificate = 'none' | 'optional' | 'required';

interface FrontOptions {
  readonly credentials: Credentials;
  readonly clientCertificate: ClientCertificate;
  /** Which clients may pass, of those whose certificates verify. Default: all. */
  readonly clients?: PeerRule;
  readonly log: Logger;
  readonly observer?: Observer | undefined;
  /** Called with a connection whose peer has passed, what it goes over, and whether it has shown a certificate. */
  readonly onSecure: (socket: TLSSocket, raw: Socket, verified: boolean) => void;
  /** Ends a connection after these last words, however its peer takes it. */
  readonly end: (raw: Socket, last: string) => void;
  /** Why a connection was ended on this side, where that was not its client's doing. */
  readonly wasEvicted?: (raw: Socket) => SallyError | undefined;
  /**
   * Ends the connection of a peer that is not trusted any more, once what is in flight is over: see `FastPath.retire`.
   * Default: at once.
   */
  readonly finish?: (socket: TLSSocket) => void;
}

/** What the connections of one front share. */
interface Front extends FrontOptions {
  readonly rule: PeerRule;
  readonly live: LiveConnections;
  /** How the log names the client of each connection that has passed. */
  readonly peers: WeakMap<TLSSocket, string>;
  readonly remark: (remark: SallyError) => void;
}

/** First byte of a TLS record that carries a handshake (RFC 8446 section 5.1). */
const handshakeRecord = 0x16;

/**
 * A listener that lets a connection through only once its peer is known. It stands before the HTTP server in
 * place of `https.Server` for three reasons: each connection takes the credentials that are current when it
 * arrives; a peer that is refused can still be named in the log; and plain HTTP gets a reply.
 *
 * A connection stays for as long as its peer would pass again: with each change of the credentials, and when a
 * certificate or a revocation list ends, those that would not are finished.
 */
export function createTlsFront(options: FrontOptions): Server {
  const front = openFront(options);
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
        handshake(raw, peer, front);
      } else {
        replyToPlainHttp(raw, first, peer, front);
      }
    });
  });
}

function openFront(options: FrontOptions): Front {
  const { credentials, log, finish, clients: rule = anyPeer } = options;
  const peers = new WeakMap<TLSSocket, string>();
  const live = createLiveConnections({
    credentials,
    judge: ({ socket, chain }, set) =>
      judgePeer(chain, { set, rule, peer: peers.get(socket) ?? '', side: 'server', now: new Date() }),
    keep: 'trusted',
    retire: (socket, reason) => {
      if (reason) peerLog(log).warn(socket.remoteAddress, reason, 'connection ended: ');
      if (finish) finish(socket);
      else socket.destroy();
    },
  });
  return {
    ...options,
    rule,
    live,
    peers,
    remark: remarkOnce(log),
  };
}

function handshake(raw: Socket, peer: string, front: Front): void {
  const { credentials, clientCertificate, log } = front;
  const observed = front.observer?.handshake?.({ role: 'server' });
  const { context, version } = credentials.current();
  const address = raw.remoteAddress;
  const socket = new TLSSocket(raw, {
    isServer: true,
    secureContext: context,
    requestCert: clientCertificate !== 'none',
    // With `required` OpenSSL itself ends the handshake of a client without one, and sends the alert that
    // says so. A certificate that was presented is judged in `admit`, whatever this says.
    rejectUnauthorized: clientCertificate === 'required',
    ALPNProtocols: ['http/1.1'],
  });
  // A proxy may have said where it comes from.
  if (address !== undefined && socket.remoteAddress !== address) {
    for (const key of ['remoteAddress', 'remotePort'] as const)
      Object.defineProperty(socket, key, { value: raw[key], configurable: true });
  }
  let finished = false;
  const fail = (error: SallyError, facts: PeerFacts = {}) => {
    if (finished) return;
    finished = true;
    clearTimeout(timer);
    observed?.end(error);
    peerLog(log).warn(address, error);
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
    if (finished) return;
    const evicted = front.wasEvicted?.(raw);
    const detail =
      'the client closed it without a word, as many do that refuse a certificate: its log says why';
    if (evicted === undefined) return fail(HandshakeFailed({ peer, side: 'server', detail }));
    finished = true;
    clearTimeout(timer);
    observed?.end(evicted);
  });
  socket.once('secure', () => {
    const chain = chainOf(socket);
    const verdict = admit(socket, chain, peer, front);
    if (verdict?.kind === 'refused') return fail(verdict.error, peerFacts(socket));
    finished = true;
    clearTimeout(timer);
    observed?.end(undefined);
    if (log.isLevelEnabled?.('debug') !== false)
      log.debug({ ...peerFacts(socket), remote: peer }, 'TLS handshake done');
    if (verdict) {
      for (const said of verdict.remarks) front.remark(said);
      front.peers.set(socket, peer);
      front.live.add({ socket, chain, until: verdict.until, version });
    }
    front.onSecure(socket, raw, verdict !== undefined);
  });
}

/** Whether this peer may pass; undefined where it may without a certificate, and has none. */
function admit(
  socket: TLSSocket,
  chain: readonly X509Certificate[],
  peer: string,
  front: Front,
): PeerVerdict | undefined {
  const { clientCertificate: wanted, credentials, rule } = front;
  const asked = { peer, side: 'server' } as const;
  if (wanted === 'none') return undefined;
  if (chain.length === 0) {
    return wanted === 'optional' ? undefined : { kind: 'refused', error: NoClientCert(asked) };
  }
  const reason = verifyError(socket);
  if (reason !== undefined)
    return { kind: 'refused', error: verifyFailure(reason, { ...asked, facts: peerFacts(socket), chain }) };
  // By the set that is current now, which may be a later one than that of the handshake.
  return judgePeer(chain, { ...asked, set: credentials.current(), rule, now: new Date() });
}

/**
 * OpenSSL's verdict on the peer's certificate; undefined where it is good. Node computes `authorized` only for
 * sockets that its own TLS server made; the verdict that it computes it from is on the handle of any. Where a
 * future Node has no such method, nobody is admitted.
 */
function verifyError(socket: TLSSocket): string | undefined {
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

function replyToPlainHttp(raw: Socket, first: Buffer, peer: string, { log, observer, end }: Front): void {
  const http = httpMethod.test(first.subarray(0, 16).toString('latin1'));
  const error = http ? PlainHttpToTls({ peer }) : NotTls({ peer, side: 'server' });
  observer?.handshake?.({ role: 'server' })?.end(error);
  peerLog(log).warn(raw.remoteAddress, error);
  if (!http) {
    raw.destroy();
    return;
  }
  const body = `${JSON.stringify({ code: error.code, error: 'this port speaks TLS', remedy: error.remedy })}\n`;
  end(
    raw,
    `HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
