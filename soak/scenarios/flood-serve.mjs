import { floodOf, parts, serverClient } from '../lib/flood.mjs';

export const title = '5,000 silent strangers at a plugin server (TLS)';

export async function run(place) {
  const server = await place.startServer();
  const client = serverClient(`https://localhost:${server.port}`, place.clientTls);
  return floodOf(server, {
    host: 'localhost',
    port: server.port,
    kind: 'tcp',
    part: parts.halfHello,
    client,
  });
}
