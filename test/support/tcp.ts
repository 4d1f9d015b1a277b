import { createConnection, createServer, type NetConnectOpts, type Server, type Socket } from 'node:net';

/**
 * A TCP server that outlives whatever its clients do: one that resets its connection, or leaves it in the middle of a
 * write, is no failure of the test.
 */
export function tcpServer(
  onSocket: (socket: Socket) => void = () => {},
  options: { allowHalfOpen?: boolean; noDelay?: boolean } = {},
): Server {
  return createServer(options, (socket) => {
    socket.on('error', () => {});
    onSocket(socket);
  });
}

/** A TCP connection whose failure fails nothing by itself: the tests say what has to be seen of its end. */
export function tcpClient(to: NetConnectOpts): Socket {
  return createConnection(to).on('error', () => {});
}
