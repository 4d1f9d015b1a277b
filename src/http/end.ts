import type { Socket } from 'node:net';

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
