import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { KeptLists } from '../../../src/gateway/router/kept-lists.js';
import type { Upstream } from '../../../src/gateway/upstream.js';
import { patience } from '../../support/patience.js';
import { open, patient, reaches, stdioUpstream } from '../../support/upstreams.js';
import { ask, client, routerOver, type Served } from './world.js';

const told = join(import.meta.dirname, '../../support/mcp-told.mjs');
const child = (name: string, args: readonly string[] = [], more: object = {}) =>
  open(stdioUpstream([told, ...args], { name, ...more }), { pace: { probe: 300 } });
const user = (name: string) => ({ user: name, tenant: null, method: 'bearer' }) as const;
const names = ({ result }: Served) => (result['tools'] as { name: string }[]).map(({ name }) => name);
const changed = ({ method }: { method: string }) => method === 'notifications/tools/list_changed';

/** What it came to, and how many milliseconds it took. */
async function timed<T>(work: () => Promise<T>): Promise<{ made: T; ms: number }> {
  const begun = performance.now();
  const made = await work();
  return { made, ms: performance.now() - begun };
}

describe('a list that is known', () => {
  it('answers at once while its server starts again, and is told again', async () => {
    const start = patience(3_000);
    const upstream = child('slow', ['--start', String(start)]);
    const router = routerOver([upstream, child('quick')]);
    await reaches(upstream, 'up');
    const from = client('legacy');
    expect(names(await ask(router, from, 'tools/list'))).toEqual(['slow__told', 'quick__told']);
    const tools = { tools: ['told', 'more'], silently: true };
    await ask(router, from, 'tools/call', { name: 'slow__told', arguments: tools });
    const more = async () => names(await ask(router, from, 'tools/list')).includes('slow__more');
    await expect.poll(more, { timeout: patience(5_000) }).toBe(true);
    await ask(router, from, 'tools/call', { name: 'slow__exit' });
    const { made, ms } = await timed(() => ask(router, from, 'tools/list'));
    expect(names(made)).toEqual(['slow__told', 'slow__more', 'quick__told']);
    expect(ms).toBeLessThan(start);
    expect(upstream.state.kind).toBe('connecting');
    from.told.length = 0;
    await from.hears(changed);
    expect(names(await ask(router, from, 'tools/list'))).toEqual(['slow__told', 'quick__told']);
  });

  it('is told again only where it differs, and not held to once its server has said that it changed', async () => {
    const upstream = child('one', ['--list', '400']);
    const router = routerOver([upstream]);
    const from = client('legacy');
    await ask(router, from, 'tools/list');
    const { made, ms } = await timed(() => ask(router, from, 'tools/list'));
    expect(names(made)).toEqual(['told']);
    expect(ms).toBeLessThan(400);
    const call = (args: object) => ask(router, from, 'tools/call', { name: 'told', arguments: args });
    await call({ tools: ['told', 'aloud'] });
    await from.hears(changed);
    expect(from.told.filter(changed)).toHaveLength(1);
    expect(names(await ask(router, from, 'tools/list'))).toEqual(['told', 'aloud']);
    await call({ tools: ['told'], silently: true });
    from.told.length = 0;
    expect(names(await ask(router, from, 'tools/list'))).toEqual(['told', 'aloud']);
    await from.hears(changed);
    // On a busy machine that may have been said of the change before.
    const now = async () => names(await ask(router, from, 'tools/list'));
    await expect.poll(now, { timeout: patience(5_000) }).toEqual(['told']);
  });

  it('is shown to those alone who share its session', async () => {
    const upstream = child('one', ['--start', '300']);
    const router = routerOver([upstream, child('two')]);
    await upstream.settled(patient());
    const [ada, bob] = [
      client('legacy', { identity: user('ada') }),
      client('legacy', { identity: user('bob') }),
    ];
    const secret = { name: 'one__told', arguments: { tools: ['told', 'secret'], silently: true } };
    await ask(router, ada, 'tools/call', secret);
    expect(names(await ask(router, ada, 'tools/list'))).toContain('one__secret');
    for (const _ of [1, 2]) expect(names(await ask(router, bob, 'tools/list'))).not.toContain('one__secret');
    const again = client('modern', { identity: user('ada'), capabilities: { elicitation: {} } });
    expect(names(await ask(router, again, 'tools/list'))).toContain('one__secret');
  });
});

describe('a server that hangs', () => {
  it.each([
    ['as it starts', 'initialize'],
    ['over its list', 'tools/list'],
  ])('%s is waited for once, and costs no client anything after that', async (_, method) => {
    const router = routerOver([child('hung', ['--hang', method]), child('good')]);
    const signal = AbortSignal.timeout(patience(20_000));
    const describe = () => router.describe(client('legacy'), signal);
    const first = await timed(async () => {
      await describe();
      return ask(router, client('legacy'), 'tools/list');
    });
    expect(names(first.made)).toEqual(['good__told']);
    for (const era of ['legacy', 'modern'] as const) {
      const next = await timed(async () => {
        await describe();
        return ask(router, client(era), 'tools/list');
      });
      expect(names(next.made)).toEqual(['good__told']);
      expect(next.ms).toBeLessThan(Math.min(first.ms / 2, patience(500)));
    }
  });
});

it('[M8] the instructions of a server that is slow reach the clients that come later', async () => {
  const slow = child('slow', ['--start', '5500', '--instructions', 'take your time']);
  const router = routerOver([slow, child('quick', ['--instructions', 'be quick'])]);
  const instructions = async () =>
    (await router.describe(client('legacy'), AbortSignal.timeout(patience(20_000)))).instructions;
  const early = await instructions();
  expect(early).toContain('# quick\n\nbe quick');
  expect(early).not.toContain('take your time');
  await reaches(slow, 'up');
  expect(await instructions()).toContain('# slow\n\ntake your time');
});

describe('what is kept', () => {
  const upstream = { name: 'files' } as Upstream;
  const tools = (...all: string[]) => ({ tools: all.map((name) => ({ name })) });

  it('has the names of a list once all of its pages are there, and begins anew with another first page', () => {
    const kept = new KeptLists();
    const list = kept.of(upstream, 'ada', 'tools');
    kept.keep(list, undefined, 'legacy', { ...tools('a'), nextCursor: '2' });
    expect(list.names).toBeUndefined();
    kept.keep(list, '2', 'legacy', tools('b'));
    expect([...(list.names?.names ?? [])]).toEqual(['a', 'b']);
    kept.keep(list, undefined, 'legacy', { ...tools('c'), nextCursor: '2' });
    expect(list.names).toBeUndefined();
    expect(list.page('2')).toBeUndefined();
  });

  it('goes with the key or the upstream, and a list that never ends has an end', () => {
    const kept = new KeptLists();
    for (const key of ['ada', 'bob'])
      kept.keep(kept.of(upstream, key, 'tools'), undefined, 'legacy', { ...tools(key), nextCursor: '2' });
    const list = kept.of(upstream, 'bob', 'tools');
    kept.keep(list, '2', 'legacy', { ...tools('b'), nextCursor: '2' });
    expect(list.names?.names.size).toBe(2);
    kept.forget('files', 'ada');
    expect(kept.of(upstream, 'ada', 'tools').page()).toBeUndefined();
    expect(kept.of(upstream, 'bob', 'tools').page()).toBeDefined();
    kept.forgetUpstream('files');
    expect(kept.of(upstream, 'bob', 'tools').page()).toBeUndefined();
  });
});
