import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { hookRequest, openClient, toolRequest } from './calls.mjs';
import { holds } from './program.mjs';

const strangers = 5_000;
const servedWithinMs = 3_000;
const goneAfterMs = 15_000;
/** So many handshakes under way: the flood has one CPU of its own at most. */
const atOnce = 64;

const halfHead = 'POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\nX-';
/** A handshake record of 512 bytes, of which a few come. */
const halfHello = Buffer.from('160301020001000100', 'hex');

/**
 * Opens strangers' connections that send a part and stay, and looks all along whether a client that was there before and new
 * ones are served. `kind`: `tcp` sends the part at once; `tls` shakes hands first, without a certificate.
 */
export async function floodOf(program, { host, port, kind, part, client: { origin, tls, make } }) {
  const known = openClient(origin, tls, { connections: 1 });
  const first = await known.call(make);
  if (first.kind !== 'ok')
    throw new Error(`the known client is not served before the flood: ${first.detail}`);
  const before = holds(program).sockets;
  const watch = { over: false, known: { ok: 0, bad: [] }, fresh: { ok: 0, bad: [] } };
  const watching = [watchKnown(known, make, watch), watchFresh({ origin, tls, make }, watch)];
  const sockets = [];
  for (let opened = 0; opened < strangers; opened += atOnce) {
    sockets.push(
      ...(await Promise.all(
        Array.from({ length: Math.min(atOnce, strangers - opened) }, () =>
          openStranger({ host, port, kind, part }),
        ),
      )),
    );
  }
  await sleep(goneAfterMs);
  watch.over = true;
  await Promise.all(watching);
  await known.close();
  // What the watching clients had may be closing.
  await sleep(200);
  const left = holds(program).sockets - before;
  const stillOpen = sockets.filter((socket) => !socket.closed && socket.readyState === 'open').length;
  for (const socket of sockets) socket.destroy();
  const bad = [...watch.known.bad, ...watch.fresh.bad];
  return {
    fine: bad.length === 0 && left <= 1 && watch.fresh.ok > 0,
    told: `${sockets.length} strangers; known: ${watch.known.ok} calls, ${watch.known.bad.length} failed; new: ${watch.fresh.ok} served, ${watch.fresh.bad.length} not within 3 s; ${Math.max(left, 0)} sockets left after 15 s`,
    more: [...bad.slice(0, 3), ...(left > 1 ? [`${stillOpen} strangers see an open connection`] : [])].join(
      '; ',
    ),
  };
}

/** One that the server let in before the flood calls on, on its one connection. */
async function watchKnown(known, make, watch) {
  while (!watch.over) {
    const { kind, detail } = await known.call(make);
    if (kind === 'ok') watch.known.ok += 1;
    else watch.known.bad.push(`known: ${kind} ${detail}`);
    await sleep(100);
  }
}

async function watchFresh({ origin, tls, make }, watch) {
  while (!watch.over) {
    const client = openClient(origin, tls, { connections: 1 });
    const began = performance.now();
    const { kind, detail } = await client.call(make);
    const ms = performance.now() - began;
    if (kind === 'ok' && ms <= servedWithinMs) watch.fresh.ok += 1;
    else watch.fresh.bad.push(`new: ${kind} ${detail ?? ''} after ${Math.round(ms)} ms`);
    await client.close();
    await sleep(500);
  }
}

function openStranger({ host, port, kind, part }) {
  return new Promise((resolve) => {
    const at = { host, port, allowHalfOpen: true };
    const socket = kind === 'tls' ? connectTls({ ...at, rejectUnauthorized: false }) : connect(at);
    const done = () => resolve(socket);
    socket.on('error', done);
    socket.once('close', done);
    socket.resume();
    socket.once(kind === 'tls' ? 'secureConnect' : 'connect', () => socket.write(part, done));
  });
}

export const parts = { halfHead, halfHello };
export const gatewayClient = (origin, tls) => ({
  origin,
  tls,
  make: (mark) => toolRequest('web__mark', mark),
});
export const serverClient = (origin, tls) => ({ origin, tls, make: hookRequest });
