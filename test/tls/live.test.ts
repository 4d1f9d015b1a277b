import { EventEmitter, once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { afterEach, expect, it, onTestFinished, vi } from 'vitest';
import { PeerExpired } from '../../src/errors.js';
import { silentLogger } from '../../src/log.js';
import { createConnector } from '../../src/tls/connector.js';
import { openCredentials } from '../../src/tls/index.js';
import { createLiveConnections } from '../../src/tls/trust.js';
import { cert } from '../support/certs.js';

afterEach(() => void vi.useRealTimers());

const files = { certfile: cert('client.crt'), keyfile: cert('client.key'), caBundle: cert('ca.crt') };
const year = 365 * 86_400_000;

it('[O3] a connection is judged when what it rests on ends, however far off: setTimeout takes 31 bits', async () => {
  const credentials = await openCredentials(files, 'client', { log: silentLogger });
  onTestFinished(() => credentials.close());
  vi.useFakeTimers();
  const until = new Date(Date.now() + 3 * year);
  const error = PeerExpired(PeerExpired.example);
  let judged = 0;
  const ended: unknown[] = [];
  const live = createLiveConnections({
    credentials,
    keep: 'trusted',
    judge: () => {
      judged += 1;
      return { kind: 'refused', error };
    },
    retire: (_socket, reason) => ended.push(reason),
  });
  live.add({ socket: new EventEmitter() as TLSSocket, chain: [], until, version: 1 });
  vi.advanceTimersByTime(1_000);
  expect(judged).toBe(0);
  vi.advanceTimersByTime(3 * year - 1_000);
  expect(ended).toEqual([]);
  vi.advanceTimersByTime(2);
  expect(ended).toEqual([error]);
  expect(vi.getTimerCount()).toBe(0);
});

it('[O3] a closed connection is forgotten, and its timer with it', async () => {
  const credentials = await openCredentials(files, 'client', { log: silentLogger });
  onTestFinished(() => credentials.close());
  vi.useFakeTimers();
  const live = createLiveConnections({
    credentials,
    keep: 'current',
    judge: () => undefined,
    retire: () => expect.unreachable(),
  });
  const socket = new EventEmitter() as TLSSocket;
  live.add({ socket, chain: [], until: new Date(Date.now() + 1_000), version: 1 });
  socket.emit('close');
  expect(vi.getTimerCount()).toBe(0);
  vi.advanceTimersByTime(10_000);
});

it('[O3] one whose handshake was made with an older set is let go of at once', async () => {
  const credentials = await openCredentials(files, 'client', { log: silentLogger });
  onTestFinished(() => credentials.close());
  const socket = new EventEmitter() as TLSSocket;
  await new Promise<void>((resolve) => {
    createLiveConnections({
      credentials,
      keep: 'current',
      judge: () => undefined,
      retire: (retired, reason) => {
        expect([retired, reason]).toEqual([socket, undefined]);
        resolve();
      },
    }).add({ socket, chain: [], version: 0 });
  });
});

it.each([
  ['current', 1],
  ['trusted', 0],
] as const)(
  '[O3] a new set lets go of what is not trusted any more, and where %s counts, of what was made before',
  async (keep, older) => {
    const credentials = await openCredentials(files, 'client', { log: silentLogger });
    onTestFinished(() => credentials.close());
    let change = () => {};
    let version = 1;
    const changing = {
      current: () => ({ ...credentials.current(), version }),
      onChange: (listener: () => void) => {
        change = listener;
        return () => {};
      },
    } as unknown as typeof credentials;
    const error = PeerExpired(PeerExpired.example);
    const [bad, good, renewed] = [1, 2, 3].map(() => new EventEmitter() as TLSSocket);
    const ended: unknown[] = [];
    const live = createLiveConnections({
      credentials: changing,
      keep,
      judge: ({ socket }) =>
        socket === bad
          ? { kind: 'refused', error }
          : { kind: 'trusted', until: new Date(Date.now() + year), remarks: [] },
      retire: (socket, reason) =>
        ended.push([socket === bad ? 'bad' : socket === good ? 'good' : 'renewed', reason]),
    });
    for (const socket of [bad, good]) live.add({ socket: socket as TLSSocket, chain: [], version: 1 });
    version = 2;
    live.add({ socket: renewed as TLSSocket, chain: [], version: 2 });
    change();
    expect(ended).toEqual([['bad', error], ...Array(older).fill(['good', undefined])]);
    change();
    expect(ended).toHaveLength(1 + older);
  },
);

it('[O3] no session is resumed on the way out, though the server offers tickets', async () => {
  const credentials = await openCredentials(files, 'client', { log: silentLogger });
  onTestFinished(() => credentials.close());
  const [key, certificate] = [await readFile(cert('server.key')), await readFile(cert('server.crt'))];
  const server = createServer({ key, cert: certificate }).listen(0, 'localhost');
  onTestFinished(() => void server.close());
  const reused: boolean[] = [];
  server.on('secureConnection', (socket: TLSSocket) => {
    reused.push(socket.isSessionReused());
    // Tickets are sent before it: a client that has read it has them.
    socket.write('x');
  });
  await once(server, 'listening');
  const url = new URL(`https://localhost:${(server.address() as AddressInfo).port}/mcp`);
  const tls = { credentials, verify: true, checkHostname: true };
  const connect = createConnector({ url, peer: 'the server', tls, log: silentLogger });
  for (let i = 0; i < 3; i += 1) {
    const socket = await new Promise<TLSSocket>((resolve, reject) => {
      const target = { hostname: 'localhost', host: url.host, protocol: 'https:', port: url.port };
      connect({ ...target, servername: 'localhost' }, (error, made) =>
        error ? reject(error) : resolve(made as TLSSocket),
      );
    });
    await once(socket, 'data');
    socket.destroy();
  }
  expect(reused).toEqual([false, false, false]);
});
