import type { Socket } from 'node:net';
import { TlsToPlainHttp } from '../errors.js';
import { peerLog } from '../log/limit.js';
import type { Logger } from '../log.js';

/** The end of a connection is over after so long, whatever its peer does or leaves, in milliseconds. */
export const endMs = 2_000;

const ending = new WeakSet<Socket>();

/** Whether a connection is about to end: nothing that it brings counts any more. */
export const isEnding = (socket: Socket): boolean => ending.has(socket);

/**
 * The one way in which connections end: what was written goes out, and `last` after it; then the side that writes is
 * closed, and what still comes is thrown away until the peer has closed its own (RFC 9112 section 9.6). A socket that is
 * closed over bytes that nobody has read sends a reset, and a reset takes a reply from its reader that has not read it.
 */
export function endConnection(socket: Socket, last = '', withinMs = endMs): void {
  if (socket.destroyed || ending.has(socket)) return;
  ending.add(socket);
  const destroy = () => socket.destroy();
  // Not the timeout of the socket, which begins anew with all that its peer still sends.
  const late = setTimeout(destroy, withinMs).unref();
  socket.once('close', () => clearTimeout(late));
  socket.on('error', destroy);
  if (last === '') socket.end();
  else socket.end(last);
  // One of Node's HTTP server goes on being read by its parser.
  if (socket.listenerCount('data') === 0) socket.resume();
}

/** Ends a connection that rests: nothing of it is on its way in either direction, and nobody has to read anything. */
export function endResting(socket: Socket): void {
  endConnection(socket);
  socket.once('finish', () => socket.destroy());
}

/** First byte of a TLS record that carries a handshake (RFC 8446 section 5.1). */
const handshakeRecord = 0x16;

/** Seconds after which a client may try again: by then another instance serves, or this one after its restart. */
export const retryAfter = '5';

/** Ends a connection with a reply to a request that was not read to its end. */
export function refuseUnread(socket: Socket, status: string, body = ''): void {
  const retry = status.startsWith('503') ? `Retry-After: ${retryAfter}\r\n` : '';
  const type = body === '' ? '' : 'Content-Type: application/json\r\n';
  const head = `${retry}${type}Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close`;
  endConnection(socket, `HTTP/1.1 ${status}\r\n${head}\r\n\r\n${body}`);
}

/** What Node's HTTP server tells of a request that it cannot read, or that takes too long. */
type ClientError = NodeJS.ErrnoException & { rawPacket?: Buffer };

const statusOf: Record<string, string> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

export function refuseUnreadable(error: ClientError, socket: Socket, log: Logger): void {
  const peer = `the client ${socket.remoteAddress ?? 'unknown'}:${socket.remotePort ?? 0}`;
  let body = '';
  if (error.rawPacket?.[0] === handshakeRecord) {
    const refusal = TlsToPlainHttp({ peer });
    peerLog(log).warn(socket.remoteAddress, refusal);
    body = `${JSON.stringify({ code: refusal.code, error: 'this port speaks plain HTTP', remedy: refusal.remedy })}\n`;
  } else {
    log.debug({ remote: peer, error: error.code }, 'a malformed request was refused');
  }
  if (socket.writable) refuseUnread(socket, statusOf[error.code ?? ''] ?? '400 Bad Request', body);
  else socket.destroy();
}
