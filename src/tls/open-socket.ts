import { connect as connectTcp, isIP, type LookupFunction } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { buildConnector } from 'undici';

/** How a socket is opened, beside where it goes. */
export interface SocketOptions {
  /** What of TLS is not as Node has it. Without effect for a plain HTTP target. */
  readonly tls?: Pick<
    ConnectionOptions,
    'secureContext' | 'minVersion' | 'rejectUnauthorized' | 'checkServerIdentity' | 'servername'
  >;
  /** A Unix domain socket in place of the target's host and port. */
  readonly socketPath?: string | undefined;
  readonly lookup?: LookupFunction | undefined;
  /** For the connection and its handshake together, in milliseconds. */
  readonly timeoutMs: number;
}

/** After that much rest the system asks whether the other end is still there, in milliseconds. */
const keepAliveAfterMs = 60_000;

/**
 * Opens a TCP or TLS connection for HTTP/1.1, and calls back once: with the socket, or with what came in its way (`ETIMEDOUT` where
 * that was time). The target may name a socket over which TLS goes (`httpSocket`). Errors after that are for whoever listens.
 */
export function openSocket(
  { hostname, port, protocol, httpSocket }: buildConnector.Options,
  { tls, socketPath, lookup, timeoutMs }: SocketOptions,
  done: buildConnector.Callback,
): void {
  const secure = protocol === 'https:';
  const way = {
    ...(socketPath === undefined
      ? { host: hostname, port: Number(port || (secure ? 443 : 80)) }
      : { path: socketPath }),
    ...(lookup && { lookup }),
  };
  const socket = secure
    ? connectTls({
        ...(httpSocket ? { socket: httpSocket } : way),
        ALPNProtocols: ['http/1.1'],
        // RFC 6066 section 3: no literal address in SNI.
        ...(isIP(hostname) === 0 && { servername: hostname }),
        ...tls,
      })
    : connectTcp(way);
  let answered = false;
  const answer = (error: Error | null) => {
    clearTimeout(timer);
    if (answered) return;
    answered = true;
    if (error) done(error, null);
    else done(null, socket);
  };
  const timer = setTimeout(() => {
    const error = Object.assign(new Error(`no connection within ${timeoutMs} ms`), { code: 'ETIMEDOUT' });
    socket.destroy(error);
  }, timeoutMs);
  socket
    .setNoDelay(true)
    .setKeepAlive(true, keepAliveAfterMs)
    .once(secure ? 'secureConnect' : 'connect', () => answer(null))
    .on('error', answer);
}
