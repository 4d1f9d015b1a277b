import { expect, it } from 'vitest';
import { ownSessions, type SessionRecord, type SessionStore } from '../../../src/sessions/index.js';
import { type RunningEndpoint, startEndpoint } from '../../support/endpoint.js';

/** A store as one outside the process would be: it keeps nothing but JSON. */
function memoryStore(): SessionStore & {
  readonly kept: Map<string, string>;
  record(id: string): SessionRecord;
} {
  const kept = new Map<string, string>();
  return {
    ...ownSessions,
    kept,
    keep: (session) => void kept.set(session.id, JSON.stringify(session)),
    forget: (id) => void kept.delete(id),
    record: (id) => JSON.parse(kept.get(id) ?? 'null') as SessionRecord,
  };
}

async function open() {
  const store = memoryStore();
  const endpoint = await startEndpoint({ sessions: store });
  const id = await endpoint.openSession('ada');
  const ask = (method: string, params: object) => send(endpoint, id, method, params);
  return { store, endpoint, id, ask };
}

async function send({ post }: RunningEndpoint, session: string, method: string, params: object) {
  const headers = { 'Mcp-Session-Id': session, 'X-User': 'ada' };
  const reply = await post({ jsonrpc: '2.0', id: 1, method, params }, headers);
  const text = await reply.text();
  return JSON.parse(text.replace(/^(.*\n)*data: /, '')) as { result?: object; error?: object };
}

it('keeps of a session all that another process needs to go on with it, and again whenever that changes', async () => {
  const { store, id, ask } = await open();
  const opened = {
    id,
    key: expect.any(String),
    principal: '["bearer","acme","ada",null]',
    identity: { user: 'ada', tenant: 'acme', method: 'bearer' },
    revision: '2025-11-25',
    capabilities: { sampling: {} },
    info: { name: 'by-hand', version: '0.1.0' },
  };
  expect(store.record(id)).toEqual({ ...opened, subscriptions: [] });
  for (const uri of ['file:///a', 'file:///b', 'file:///a'])
    expect(await ask('resources/subscribe', { uri })).toMatchObject({ result: {} });
  expect(store.record(id).subscriptions.toSorted()).toEqual(['file:///a', 'file:///b']);
  expect(await ask('logging/setLevel', { level: 'warning' })).toMatchObject({ result: {} });
  expect(await ask('resources/unsubscribe', { uri: 'file:///a' })).toMatchObject({ result: {} });
  expect(store.record(id)).toEqual({ ...opened, level: 'warning', subscriptions: ['file:///b'] });
});

it('keeps nothing of a request that was refused', async () => {
  const { store, id, ask } = await open();
  const before = store.record(id);
  expect(await ask('logging/setLevel', { level: 'loud' })).toMatchObject({ error: {} });
  expect(await ask('resources/subscribe', {})).toMatchObject({ error: {} });
  expect(store.record(id)).toEqual(before);
});

it('forgets a session with its end: that which its client deletes, and all at the end of the endpoint', async () => {
  const { store, endpoint, id } = await open();
  const other = await endpoint.openSession('ada');
  expect([...store.kept.keys()]).toEqual([id, other]);
  const headers = { 'Mcp-Session-Id': id, 'X-User': 'ada' };
  expect((await fetch(endpoint.url, { method: 'DELETE', headers })).status).toBe(204);
  expect([...store.kept.keys()]).toEqual([other]);
  await endpoint.drain(0);
  expect(store.kept.size).toBe(0);
});
