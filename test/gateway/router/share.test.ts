import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Client } from '../../../src/gateway/client.js';
import { keptLog } from '../../manager/handles.js';
import { patience } from '../../support/patience.js';
import { open, sessionRequest, stdioUpstream } from '../../support/upstreams.js';
import { ask, client, routerOver, textOf } from './world.js';

const told = join(import.meta.dirname, '../../support/mcp-told.mjs');
const child = (share?: 'all' | 'user' | 'session') => open(stdioUpstream([told], share && { share }));
const user = (name: string) => ({ user: name, tenant: null, method: 'bearer' }) as const;
const asked = { sampling: {}, roots: {} };

type Router = ReturnType<typeof routerOver>;
interface Told {
  readonly pid: number;
  readonly offered: object;
}

const callOf = async (router: Router, from: Client, args: object = {}, more: object = {}) =>
  JSON.parse(
    textOf(await ask(router, from, 'tools/call', { name: 'told', arguments: args }, more)) ?? 'null',
  );
const tell = (router: Router, from: Client): Promise<Told> => callOf(router, from);

it('one child serves all clients of a user, whatever they can be asked, and no other user', async () => {
  const router = routerOver([child()]);
  const ada = [
    client('legacy', { identity: user('ada') }),
    client('legacy', { identity: user('ada'), capabilities: asked }),
    client('modern', { identity: user('ada'), capabilities: { elicitation: {} } }),
  ];
  const pids = await Promise.all(ada.map((from) => tell(router, from)));
  expect(new Set(pids.map(({ pid }) => pid)).size).toBe(1);
  const bob = await tell(router, client('legacy', { identity: user('bob') }));
  expect(bob.pid).not.toBe(pids[0]?.pid);
});

it('where nobody has a name, all are one user', async () => {
  const router = routerOver([child()]);
  const [one, other] = [client('legacy'), client('modern', { capabilities: asked })];
  expect((await tell(router, one)).pid).toBe((await tell(router, other)).pid);
});

it('share: all has one child for all users, and share: session one for each session of a client', async () => {
  const pids = async (share: 'all' | 'session') => {
    const router = routerOver([child(share)]);
    const clients = ['ada', 'ada', 'bob'].map((name) => client('legacy', { identity: user(name) }));
    const all = await Promise.all(clients.map((from) => tell(router, from)));
    return new Set(all.map(({ pid }) => pid)).size;
  };
  expect(await pids('all')).toBe(1);
  expect(await pids('session')).toBe(3);
});

it('a shared child is offered nothing and can ask nobody, which is said once; one of its own can', async () => {
  const { log, lines } = keptLog();
  const answer = () => ({ result: { role: 'assistant', content: { type: 'text', text: 'hi' }, model: 'm' } });
  const shared = routerOver([child()], { log });
  for (const era of ['legacy', 'modern'] as const) {
    const from = client(era, { capabilities: asked, answer });
    expect((await tell(shared, from)).offered).toEqual({});
    expect(await callOf(shared, from, { ask: true }, { answer })).toMatchObject({ error: { code: -32601 } });
  }
  expect(lines.filter(({ message }) => message.includes('share: session'))).toHaveLength(1);
  const own = routerOver([child('session')]);
  const from = client('legacy', { capabilities: asked, answer });
  expect((await tell(own, from)).offered).toEqual(asked);
  expect(JSON.stringify(await callOf(own, from, { ask: true }, { answer }))).toContain('hi');
});

it('the one client over stdio has a child of its own, which may ask it', async () => {
  const router = routerOver([child()]);
  const from = { ...client('legacy', { capabilities: asked }), alone: true };
  expect((await tell(router, from)).offered).toEqual(asked);
});

it('what the gateway itself has asked a child does not make the first client wait for another', async () => {
  const upstream = child();
  const signal = AbortSignal.timeout(patience(20_000));
  const own = sessionRequest({ principal: 'sallyport', lent: true });
  const session = await upstream.session(own, signal);
  const response = await session.request('tools/call', { name: 'told', arguments: {} }, { signal });
  await upstream.release(own.client);
  const { pid } = await tell(routerOver([upstream]), client('legacy'));
  expect(JSON.stringify(response)).toContain(`\\"pid\\":${pid}`);
});
