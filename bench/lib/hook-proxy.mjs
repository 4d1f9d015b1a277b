// The floor of a gateway with a plugin: a proxy that makes one plain hook call before it passes a request on. It reads
// the request for that, and sends on what the plugin made of it.
import { Agent, createServer, request } from 'node:http';
import { floorCalls } from './floor-client.mjs';

const [port, hookPort, cert, key, ca, plugin] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
const hook = floorCalls(hookPort, { cert, key, ca }, plugin);
const server = createServer((incoming, outgoing) => {
  const chunks = [];
  incoming.on('data', (chunk) => chunks.push(chunk));
  incoming.on('end', async () => {
    const message = JSON.parse(Buffer.concat(chunks).toString());
    const { name, arguments: args } = message.params;
    const modified = await hook.call({ name, args });
    if (modified !== null) message.params.arguments = modified.args;
    const body = JSON.stringify(message);
    const { method, url: path } = incoming;
    const headers = { ...incoming.headers, 'content-length': Buffer.byteLength(body) };
    const onward = request({ host: '127.0.0.1', port, method, path, headers, agent }, (reply) => {
      outgoing.writeHead(reply.statusCode, reply.headers);
      reply.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    onward.end(body);
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
