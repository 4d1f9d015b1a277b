import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { startServer } from '../lib/ends.mjs';
import { compare } from '../lib/measure.mjs';

/** Full handshakes of mutual TLS, four at once, beside a bare `node:tls` server; no session is ever resumed. */
export const ids = ['handshake.rsa4096', 'handshake.p256'];
const keyTypes = { 'handshake.rsa4096': 'rsa-4096', 'handshake.p256': 'ec-p256' };

export async function run(bench, { seconds, wanted }) {
  const rows = [];
  for (const id of ids.filter(wanted)) {
    const keyType = keyTypes[id];
    const { server, client } = await bench.certs(keyType);
    const credentials = {
      cert: readFileSync(client.cert),
      key: readFileSync(client.key),
      ca: readFileSync(client.ca),
    };
    const ours = await startServer(bench, { keyType });
    const script = fileURLToPath(new URL('../lib/tls-floor.mjs', import.meta.url));
    const { child, line } = await bench.start([script, server.cert, server.key, server.ca], 'stdout');
    const sides = [
      [ours.port, ours.pid],
      [Number(line), child.pid],
    ].map(([port, pid]) => ({ pid, call: () => handshake(port, credentials) }));
    rows.push(await compare(id, ...sides, { concurrency: 4, seconds: seconds / 2 }));
  }
  return rows;
}

/** With TLS 1.3 a server has verified the client only when it answers: a request is asked, and its first byte awaited. */
async function handshake(port, credentials) {
  const socket = connect({ port, host: 'localhost', servername: 'localhost', ...credentials });
  await once(socket, 'secureConnect');
  socket.write('GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  await once(socket, 'data');
  socket.destroy();
}
