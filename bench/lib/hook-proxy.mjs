// The floor of a gateway with a plugin: a proxy that makes one plain hook call before it passes a request on. It reads
// the request for that, and sends on what the plugin made of it.
import { floorCalls } from './floor-client.mjs';
import { serveProxy } from './serve-proxy.mjs';

const [port, hookPort, cert, key, ca, plugin] = process.argv.slice(2);
const hook = floorCalls(hookPort, { cert, key, ca }, plugin);
serveProxy(port, (incoming, open) => {
  const chunks = [];
  incoming.on('data', (chunk) => chunks.push(chunk));
  incoming.on('end', async () => {
    const message = JSON.parse(Buffer.concat(chunks).toString());
    const { name, arguments: args } = message.params;
    const modified = await hook.call({ name, args });
    if (modified !== null) message.params.arguments = modified.args;
    const body = JSON.stringify(message);
    open({ ...incoming.headers, 'content-length': Buffer.byteLength(body) }).end(body);
  });
});
