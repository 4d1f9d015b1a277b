import { describe, expect, it } from 'vitest';
import type { Access } from '../../../src/gateway/access.js';
import { modify } from '../../../src/plugin/index.js';
import type { DecisionInput, Verdict } from '../../../src/policy/index.js';
import { handle } from '../../manager/handles.js';
import { fixture } from './fixture-upstream.js';
import { ask, client, managerOf, routerOver, type Served } from './world.js';

const denied: Verdict = { kind: 'deny', by: 'test' };
const allowed: Verdict = { kind: 'allow' };

/** Rules that deny what `holds` says. */
const denying = (holds: (input: DecisionInput) => boolean, open = false): Access => ({
  rules: { open, decide: (input) => (holds(input) ? denied : allowed) },
});
const secret = denying(({ subject }) => subject?.name.includes('secret') === true);
const names = ({ result }: Served, list: string, key = 'name') =>
  (result[list] as Record<string, unknown>[]).map((entry) => entry[key]);

describe.each(['legacy', 'modern'] as const)(
  'what a client may not use, at upstreams of the %s era',
  (era) => {
    it('is in no list', async () => {
      const one = await fixture(era, {
        tools: ['read', 'secret'],
        prompts: ['p', 'secret'],
        resources: ['file:///a', 'file:///secret'],
        templates: ['a:{x}', 'secret:{x}'],
      });
      const other = await fixture(era, { tools: ['secret', 'write'] }, { name: 'other' });
      for (const upstreams of [[one.upstream], [one.upstream, other.upstream]]) {
        const router = routerOver(upstreams, { access: secret });
        const from = client('legacy');
        for (const [list, entries, key] of [
          ['tools/list', 'tools', 'name'],
          ['prompts/list', 'prompts', 'name'],
          ['resources/list', 'resources', 'uri'],
          ['resources/templates/list', 'resourceTemplates', 'uriTemplate'],
        ] as const) {
          const listed = names(await ask(router, from, list), entries, key);
          expect(listed.length).toBeGreaterThan(0);
          expect(listed.join()).not.toContain('secret');
        }
      }
    });

    it('is answered as what there is not, and no plugin or upstream hears of it', async () => {
      const asked: string[] = [];
      const hooks = ['tool_pre_invoke', 'prompt_pre_fetch', 'resource_pre_fetch'] as const;
      const plugins = managerOf([
        handle({ name: 'watching', hooks }, (payload) => {
          asked.push(JSON.stringify(payload));
          return undefined;
        }),
      ]);
      const offered = { tools: ['secret', 'read'], prompts: ['secret'], resources: ['file:///secret'] };
      const { upstream, seen } = await fixture(era, offered);
      const router = routerOver([upstream], { access: secret, plugins });
      for (const from of [client('legacy'), client('modern')]) {
        for (const [method, key, there, missing] of [
          ['tools/call', 'name', 'secret', 'absent'],
          ['prompts/get', 'name', 'secret', 'absent'],
          ['resources/read', 'uri', 'file:///secret', 'file:///absent'],
        ] as const) {
          const hidden = await ask(router, from, method, { [key]: there }, { plugins });
          expect(asked).toEqual([]);
          const absent = await ask(router, from, method, { [key]: missing }, { plugins });
          asked.length = 0;
          expect(JSON.stringify(hidden.answer)).toBe(
            JSON.stringify(absent.answer).replaceAll(missing, there),
          );
          expect(hidden.error.code).toBeLessThan(0);
          expect(hidden.upstream).toBeUndefined();
        }
      }
      expect(JSON.stringify(seen)).not.toContain('secret');
    });

    it('is not subscribed to, and not completed', async () => {
      const { upstream } = await fixture(era, {
        prompts: ['secret'],
        resources: ['file:///secret'],
        templates: ['secret:{x}'],
      });
      const router = routerOver([upstream], { access: secret });
      const from = client('legacy');
      const argument = { name: 'x', value: '' };
      const answers = [
        await ask(router, from, 'resources/subscribe', { uri: 'file:///secret' }),
        await ask(router, from, 'completion/complete', {
          argument,
          ref: { type: 'ref/prompt', name: 'secret' },
        }),
        await ask(router, from, 'completion/complete', {
          argument,
          ref: { type: 'ref/resource', uri: 'secret:{x}' },
        }),
      ];
      for (const { error } of answers) expect(error.data).toMatchObject({ code: 'SALLY_ROUTE_UNKNOWN' });
    });

    it('is told openly where the rules say so', async () => {
      const { upstream } = await fixture(era, { tools: ['secret'] });
      const open = denying(() => true, true);
      const router = routerOver([upstream], { access: open });
      const from = client('legacy');
      expect(names(await ask(router, from, 'tools/list'), 'tools')).toEqual([]);
      const { error } = await ask(router, from, 'tools/call', { name: 'secret' });
      expect(error.data).toMatchObject({ code: 'SALLY_ACCESS_DENIED' });
    });

    it('may be listed where it is the arguments that are not let pass, and is judged by what goes out', async () => {
      const { upstream, seen } = await fixture(era, { tools: ['read'] });
      const access = denying(({ args }) => args?.['path'] === '/etc');
      const change = handle({ name: 'change', hooks: ['tool_pre_invoke'] }, () =>
        modify({ name: 'read', args: { path: '/etc' }, headers: {} }),
      );
      const router = routerOver([upstream], { access });
      const from = client('modern');
      expect(names(await ask(router, from, 'tools/list'), 'tools')).toEqual(['read']);
      const call = { name: 'read', arguments: { path: '/etc' } };
      const { error } = await ask(router, from, 'tools/call', call);
      expect(error.data).toMatchObject({ code: 'SALLY_ACCESS_DENIED' });
      const plugins = managerOf([change]);
      const changing = routerOver([upstream], { access, plugins });
      const after = await ask(changing, from, 'tools/call', { name: 'read', arguments: {} }, { plugins });
      expect(after.error.data).toMatchObject({ code: 'SALLY_ACCESS_DENIED' });
      expect(seen).toEqual([]);
    });
  },
);

it('withholds what the lock says, also a tool of which one of two entries is not locked', async () => {
  const { upstream } = await fixture('legacy', { tools: ['read', 'write', 'twice', 'twice'] });
  let twice = 0;
  const access: Access = {
    lock: {
      tells: () => true,
      strict: true,
      differing: () => [],
      options: '',
      state: (_kind, _upstream, { name }) => {
        if (name === 'twice') twice += 1;
        return name === 'write' || (name === 'twice' && twice % 2 === 0) ? 'withheld' : 'locked';
      },
    },
  };
  const router = routerOver([upstream], { access });
  const from = client('legacy');
  expect(names(await ask(router, from, 'tools/list'), 'tools')).toEqual(['read', 'twice']);
  for (const name of ['write', 'twice']) {
    const { error } = await ask(router, from, 'tools/call', { name });
    expect(error.data).toMatchObject({ code: 'SALLY_ROUTE_UNKNOWN' });
  }
  expect((await ask(router, from, 'tools/call', { name: 'read' })).error.code).toBe(0);
});

it('gives rules what the tool says of itself, also before any list was asked for', async () => {
  const { upstream } = await fixture('legacy', { tools: ['read'] });
  const inputs: DecisionInput[] = [];
  const access: Access = {
    rules: {
      open: false,
      decide: (input) => {
        inputs.push(input);
        return allowed;
      },
    },
  };
  const router = routerOver([upstream], { access });
  await ask(router, client('legacy'), 'tools/call', { name: 'read', arguments: { a: 1 } });
  expect(inputs.at(-1)).toMatchObject({
    method: 'tools/call',
    upstream: upstream.name,
    subject: { kind: 'tool', name: 'read', listed: { name: 'read', inputSchema: {} }, locked: false },
    args: { a: 1 },
  });
});
