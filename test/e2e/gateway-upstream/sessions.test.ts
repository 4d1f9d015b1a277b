import { once } from 'node:events';
import type { Server } from 'node:http';
import { promisify } from 'node:util';
import { expect, it, vi } from 'vitest';
import { errorOf } from '../../support/gateway.js';
import { serveModern, serveSessions } from '../../support/mcp-fixture.js';
import { patience } from '../../support/patience.js';
import {
  everythingScript,
  httpUpstream,
  open,
  patient,
  sessionRequest,
  startEverything,
  stdioUpstream,
  textOf,
} from '../../support/upstreams.js';

const echo = { name: 'echo', arguments: { text: 'x', message: 'x' } };
const sockets = (server: object) => promisify<number>((done) => (server as Server).getConnections(done))();

it('[M6] takes what a server asks on the stream of the session to the client whose own it is', async () => {
  const { url } = await startEverything();
  const asked: string[] = [];
  const own = sessionRequest({
    own: true,
    capabilities: { roots: { listChanged: true } },
    onRequest: async (method) => {
      asked.push(method);
      return { result: { roots: [{ uri: 'file:///here', name: 'here' }] } };
    },
  });
  const session = await open(httpUpstream(url)).session(own, patient());
  await vi.waitFor(() => expect(asked).toContain('roots/list'), { timeout: patience(10_000) });
  const roots = { name: 'get-roots-list', arguments: {} };
  expect(textOf(await session.request('tools/call', roots, { signal: patient() }))).toContain('file:///here');
});

it('subscribes again to what a session was subscribed to when the upstream forgot it', async () => {
  const first = await startEverything();
  const upstream = open(httpUpstream(first.url));
  const heard: string[] = [];
  const onNotification = (method: string) => heard.push(method);
  const session = await upstream.session(sessionRequest({ own: true, onNotification }), patient());
  const uri = 'demo://resource/dynamic/text/1';
  await session.request('resources/subscribe', { uri }, { signal: patient() });
  first.child.kill('SIGKILL');
  await once(first.child, 'exit');
  await startEverything(first.port);
  const toggle = { name: 'toggle-subscriber-updates', arguments: {} };
  await vi.waitFor(() => session.request('tools/call', toggle, { signal: patient() }), {
    timeout: patience(10_000),
  });
  await vi.waitFor(() => expect(heard).toContain('notifications/resources/updated'), {
    timeout: patience(10_000),
  });
});

it('starts the child of a client that listens again without being asked', async () => {
  const pids = new Set<number>();
  const debug = (fields: { pid?: number }) => fields.pid && pids.add(fields.pid);
  const log = { debug, info() {}, warn() {}, error() {} };
  const upstream = open(stdioUpstream([everythingScript, 'stdio']), { log });
  const other = await upstream.session(sessionRequest({ principal: 'other' }), patient());
  const own = sessionRequest({
    own: true,
    capabilities: { roots: {} },
    onRequest: async () => ({ result: { roots: [] } }),
  });
  await upstream.session(own, patient());
  await vi.waitFor(() => expect(pids.size).toBe(2), { timeout: patience(5_000) });
  process.kill([...pids][1] ?? 0, 'SIGKILL');
  await vi.waitFor(() => expect(pids.size).toBe(3), { timeout: patience(10_000) });
  expect(textOf(await other.request('tools/call', echo, { signal: patient() }))).toBe('Echo: x');
  expect(upstream.state.kind).toBe('up');
});

it('[M25] leaves no session behind for a client that goes while its session is being opened', async () => {
  const served = await serveSessions();
  const upstream = open(httpUpstream(served.url));
  await upstream.settled(patient());
  const own = sessionRequest({
    own: true,
    capabilities: { roots: {} },
    onRequest: async () => ({ result: {} }),
  });
  const opening = upstream.session(own, patient());
  await upstream.release(own.client);
  await opening;
  // The one that is left is the one of the first contact.
  await vi.waitFor(() => expect(served.sessions.size).toBe(1), { timeout: patience(5_000) });
});

it('ends the session that has rested longest where there are as many as there may be', async () => {
  const served = await serveSessions();
  const upstream = open(httpUpstream(served.url), { limits: { sessions: 2 } });
  const first = await upstream.session(sessionRequest({ principal: '1' }), patient());
  await upstream.session(sessionRequest({ principal: '2' }), patient());
  await upstream.session(sessionRequest({ principal: '3' }), patient());
  await vi.waitFor(() => expect(served.sessions.size).toBe(2), { timeout: patience(5_000) });
  const error = await errorOf(first.request('tools/call', echo, { signal: patient() }));
  expect(error.code).toBe('SALLY_UPSTREAM_LOST');
  const held = { limits: { sessions: 1 } };
  const full = open(httpUpstream(served.url), held);
  await full.session(sessionRequest({ principal: '1', onNotification: () => {} }), patient());
  const busy = await errorOf(full.session(sessionRequest({ principal: '2' }), patient()));
  expect(busy.code).toBe('SALLY_UPSTREAM_BUSY');
});

it('[M25] ends sessions that nobody uses', async () => {
  const served = await serveSessions();
  const upstream = open(httpUpstream(served.url), { pace: { idle: 100 } });
  const listening = sessionRequest({ principal: '1', onNotification: () => {} });
  await upstream.session(listening, patient());
  await upstream.session(sessionRequest({ principal: '2' }), patient());
  await vi.waitFor(() => expect(served.sessions.size).toBe(1), { timeout: patience(5_000) });
  await upstream.release(listening.client);
  await vi.waitFor(() => expect(served.sessions.size).toBe(0), { timeout: patience(5_000) });
  expect(upstream.state.kind).toBe('up');
});

for (const start of [serveSessions, serveModern]) {
  it(`leaves no socket behind (${start.name})`, async () => {
    const served = await start();
    const upstream = open(httpUpstream(served.url));
    const clients = Array.from({ length: 20 }, () => sessionRequest({ own: true, onNotification: () => {} }));
    for (const client of clients) {
      const session = await upstream.session(client, patient());
      await session.request('tools/call', echo, { signal: patient() });
    }
    expect(await sockets(served.server)).toBeGreaterThan(0);
    await Promise.all(clients.map(({ client }) => upstream.release(client)));
    await upstream.close();
    await vi.waitFor(async () => expect(await sockets(served.server)).toBe(0), { timeout: patience(5_000) });
    if ('sessions' in served) expect(served.sessions.size).toBe(0);
  });
}
