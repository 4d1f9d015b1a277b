import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { hookRequest, openClient } from '../lib/calls.mjs';

export const title = 'handshakes that fail, by the thousand: the log has a limit';

const failures = 3_000;
const atOnce = 50;
const mostLines = 200;

/** Ways in which a stranger's handshake fails. */
const strangers = [
  ({ port }) => connectTls({ host: 'localhost', port, rejectUnauthorized: false }),
  ({ port }) =>
    connectTls({
      host: 'localhost',
      port,
      rejectUnauthorized: false,
      maxVersion: 'TLSv1.2',
      minVersion: 'TLSv1.2',
    }),
  ({ port }) =>
    connect({ host: 'localhost', port }, function said() {
      this.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    }),
  ({ port }) =>
    connect({ host: 'localhost', port }, function said() {
      this.write(Buffer.from('1603010005010000010000', 'hex'));
    }),
];

export async function run(place) {
  const server = await place.startServer();
  const client = openClient(`https://localhost:${server.port}`, place.clientTls);
  await client.call(hookRequest);
  const before = { ...server.written };
  for (let made = 0; made < failures; made += atOnce) {
    await Promise.all(
      Array.from({ length: atOnce }, (_, i) => ended(strangers[i % strangers.length](server))),
    );
  }
  const { kind, detail } = await client.call(hookRequest);
  await client.close();
  const lines = server.written.lines - before.lines;
  return {
    fine: lines <= mostLines && lines > 0 && kind === 'ok',
    told: `${failures} failed handshakes, ${lines} lines of log (${mostLines} at most)`,
    more: kind === 'ok' ? '' : `a call after it: ${kind} ${detail}`,
  };
}

function ended(socket) {
  return new Promise((resolve) => {
    const timer = setTimeout(() => socket.destroy(), 10_000);
    socket.on('error', () => {});
    socket.resume();
    socket.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
