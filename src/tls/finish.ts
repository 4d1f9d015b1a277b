import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * How a connection to `http` is ended without a call being lost: an idle one at once; another after the reply that is
 * in flight, which says so (RFC 9112 section 9.6). A reply that takes longer than `withinMs` is cut off.
 *
 * `expectsRequest`: a request is on its way to `http` on that connection, which has not seen it yet.
 */
export function finishAfterReply(
  http: Server,
  { withinMs }: { withinMs: number },
): (socket: Socket, expectsRequest?: boolean) => void {
  const latest = new WeakMap<Socket, ServerResponse>();
  const afterNext = new WeakSet<Socket>();
  const finish = (socket: Socket) => {
    const response = latest.get(socket);
    if (response === undefined || response.closed || response.writableFinished) {
      socket.destroySoon();
      return;
    }
    if (!response.headersSent) response.setHeader('Connection', 'close');
    const timer = setTimeout(() => socket.destroy(), withinMs).unref();
    response.once('close', () => {
      clearTimeout(timer);
      socket.destroySoon();
    });
  };
  http.prependListener('request', (request, response) => {
    latest.set(request.socket, response);
    if (afterNext.delete(request.socket)) finish(request.socket);
  });
  return (socket, expectsRequest = false) => {
    if (expectsRequest) afterNext.add(socket);
    else finish(socket);
  };
}
