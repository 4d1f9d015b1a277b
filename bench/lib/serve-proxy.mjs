import { Agent, createServer, request } from 'node:http';

/**
 * Serves a proxy before a port, and prints its own. `pass` is given each request, and what opens the one onward with
 * headers: its reply goes back as it comes.
 */
export function serveProxy(port, pass) {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const server = createServer((incoming, outgoing) => {
    const { method, url: path } = incoming;
    const open = (headers) => {
      const onward = request({ host: '127.0.0.1', port, method, path, headers, agent }, (reply) => {
        outgoing.writeHead(reply.statusCode, reply.headers);
        reply.pipe(outgoing);
      });
      return onward.on('error', () => outgoing.destroy());
    };
    pass(incoming, open);
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
}
