import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { hookRequest, load, openClient, toolRequest, worst } from '../lib/calls.mjs';
import { freePort } from '../lib/program.mjs';

export const title = 'SIGTERM under load and a new start, again and again';
export const share = 0.2;

/** Connections that are there at SIGTERM and say something only then. */
const waiting = 10;
const kinds = [
  { program: 'gateway', workers: undefined },
  { program: 'serve', workers: undefined },
  { program: 'gateway', workers: 2 },
  { program: 'serve', workers: 2 },
];

export async function run(place, { seconds }) {
  const upstream = await place.startUpstream();
  const until = Date.now() + seconds * 1_000;
  const sum = { rounds: 0, ok: 0, unanswered: 0, waited: 0, refusedWell: 0, statuses: new Set() };
  const problems = {};
  do {
    for (const kind of kinds) await round(place, { ...kind, upstream }, sum, problems);
  } while (Date.now() < until);
  const { rounds, ok, unanswered, waited, refusedWell, statuses } = sum;
  const told = `${rounds} rounds, ${ok} calls answered, ${unanswered} executed and unanswered; ${refusedWell} of ${waited} waiting connections got a reply`;
  const fine =
    unanswered === 0 && refusedWell === waited && ok > 0 && [...statuses].every((status) => status === 0);
  return { fine, told, more: fine ? '' : `${worst(problems, 8)}; exit statuses ${[...statuses].join(', ')}` };
}

async function round(place, { program, workers, upstream }, sum, problems) {
  const port = await freePort();
  const secure = program === 'serve';
  const running = secure
    ? await place.startServer({ port, workers })
    : await place.startGateway({ port, workers, upstream });
  const make = secure ? hookRequest : (mark) => toolRequest('web__mark', mark, { ms: 20 });
  const origin = secure ? `https://localhost:${port}` : `http://127.0.0.1:${port}`;
  const client = openClient(origin, secure ? place.clientTls : undefined);
  let over = false;
  const calls = load(
    Array.from({ length: 16 }, () => () => client.call(make)),
    () => over,
  );
  const silent = await Promise.all(Array.from({ length: waiting }, () => openSilent(place, port, secure)));
  await sleep(600);
  const stopped = running.stop();
  await sleep(100);
  const replies = await Promise.all(silent.map((socket) => speak(socket, make)));
  sum.statuses.add(await stopped);
  over = true;
  const { counts, outcomes } = await calls;
  await client.close();
  const executed = place.executed();
  for (const { mark, kind, detail } of outcomes) {
    if (kind === 'ok' || !executed.has(mark)) continue;
    sum.unanswered += 1;
    note(problems, `${program}${workers ? ` --workers ${workers}` : ''}: executed, and ${kind}: ${detail}`);
  }
  sum.rounds += 1;
  sum.ok += counts.ok ?? 0;
  for (const reply of replies) {
    sum.waited += 1;
    if (
      /^HTTP\/1\.1 200 /.test(reply) ||
      (/^HTTP\/1\.1 503 /.test(reply) && /\r\nretry-after: /i.test(reply))
    )
      sum.refusedWell += 1;
    else
      note(
        problems,
        `${program}${workers ? ` --workers ${workers}` : ''}: a waiting connection got ${JSON.stringify(reply.slice(0, 60))}`,
      );
  }
}

function note(problems, what) {
  problems[what] = (problems[what] ?? 0) + 1;
}

async function openSilent(place, port, secure) {
  const { certfile, keyfile, ca_bundle } = place.clientTls;
  const [cert, key, ca] = [certfile, keyfile, ca_bundle].map((path) => readFileSync(path));
  const socket = secure
    ? connectTls({ host: 'localhost', port, cert, key, ca })
    : connect({ host: '127.0.0.1', port });
  let received = '';
  socket.on('error', (error) => {
    received ||= String(error.code);
  });
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
  });
  await once(socket, secure ? 'secureConnect' : 'connect');
  return Object.assign(socket, { received: () => received });
}

/** Sends a request and answers what came until the connection ended. */
async function speak(socket, make) {
  const { headers, body } = make(randomUUID());
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `POST /mcp HTTP/1.1\r\nHost: localhost\r\n${lines.join('')}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n`;
  if (socket.writable) socket.write(head + body);
  if (!socket.closed) await Promise.race([once(socket, 'close').catch(() => {}), sleep(20_000)]);
  socket.destroy();
  return socket.received();
}
