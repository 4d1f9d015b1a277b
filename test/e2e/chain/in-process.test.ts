import { join, resolve } from 'node:path';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { parseConfig } from '../../../src/config/index.js';
import { PluginFailed, type SallyError } from '../../../src/errors.js';
import type { PluginContext } from '../../../src/hooks/index.js';
import { silentLogger } from '../../../src/log.js';
import { openPluginManager, type PluginManager } from '../../../src/manager/index.js';
import { createPluginServer } from '../../../src/server/index.js';
import { anything, refused } from '../../support/anything.js';
import { temporaryFolder } from '../../support/folder.js';
import { errorOf } from '../../support/gateway.js';
import { clientTls, serverTls } from '../../support/plugin-server.js';

const local = { name: 'P', kind: resolve(import.meta.dirname, '../../support/plugins/answering.mjs') };

type Behaviour = (payload: Record<string, unknown>, context: PluginContext) => unknown;
/** What the plugin does: it runs in the process of this test, also where it is behind a server. */
const behave = (run: Behaviour) => {
  (globalThis as Record<symbol, unknown>)[Symbol.for('sallyport.test.hook')] = run;
};

function parse(file: object, side: 'server' | 'gateway') {
  const options = { path: '/test/plugins.yaml', cwd: '/test', env: {}, side, exists: () => true } as const;
  return parseConfig(stringify(file), options);
}

async function open(plugin: object): Promise<PluginManager> {
  const manager = await openPluginManager(parse({ plugins: [plugin] }, 'gateway'), { log: silentLogger });
  onTestFinished(() => manager.close());
  return manager;
}

async function serve(server_settings: object): Promise<string> {
  const config = parse({ plugins: [local], server_settings }, 'server');
  const server = await createPluginServer(config, { log: silentLogger, version: '0' });
  onTestFinished(() => server.close());
  return (await server.listen({ port: 0 })).url;
}

/** The same plugin in this process, behind a Unix domain socket, and behind mutual TLS. */
async function everyWay(): Promise<PluginManager[]> {
  const uds = join(await temporaryFolder(), 'plugins.sock');
  await serve({ uds });
  const url = await serve({ host: 'localhost', tls: serverTls() });
  return [
    await open(local),
    await open({ name: 'P', kind: 'external', mcp: { uds } }),
    await open({ name: 'P', kind: 'external', mcp: { url, tls: clientTls() } }),
  ];
}

const codeOf = (error: SallyError) => (PluginFailed.is(error) && error.context.pluginCode) || error.code;

/** All that comes of one call by name. */
async function callOne(manager: PluginManager) {
  const context = () => ({
    state: {},
    metadata: {},
    global_context: { request_id: 'r', state: {}, metadata: {} },
  });
  const payload = { name: 'search', args: {} };
  const outcome = await manager.invokeOne({
    plugin: 'P',
    hook: 'tool_pre_invoke',
    payload,
    context: context(),
  });
  return outcome.kind === 'failed' ? { code: codeOf(outcome.error) } : outcome.outcome;
}

/** All that a request can see of its hooks, before and after. */
async function callBoth(manager: PluginManager, args: unknown) {
  const request = manager.request({ request_id: 'r', state: { start: 1 } });
  const invoke = (hook: string, payload: object) =>
    request.invokeForeign(hook, payload).catch((error: SallyError) => ({ code: codeOf(error) }));
  const pre = await invoke('tool_pre_invoke', { name: 'search', args });
  const post = await invoke('tool_post_invoke', { name: 'search', result: [] });
  return { pre, post, shared: request.global.state };
}

async function sameEveryWay(ways: readonly PluginManager[], call: (way: PluginManager) => Promise<unknown>) {
  const outcomes = [];
  for (const way of ways) outcomes.push(await call(way));
  for (const outcome of outcomes) expect(outcome).toStrictEqual(outcomes[0]);
  return outcomes[0];
}

describe('what an in-process plugin answers is what a connection would have made of it', () => {
  it('[S9,G6] any value, in a payload, a violation, metadata and contexts', async () => {
    const ways = await everyWay();
    const answers = fc.oneof(
      anything,
      fc.record({ modified_payload: fc.record({ name: fc.constant('n'), args: anything }) }),
      fc.record({ modified_payload: anything, metadata: anything }),
      fc.record({ metadata: fc.dictionary(fc.string(), anything, { maxKeys: 3 }) }),
      fc.record({
        violation: fc.record({
          ...{ reason: fc.constant('r'), description: fc.constant('d'), code: fc.constant('C') },
          details: fc.dictionary(fc.string(), anything, { maxKeys: 3 }),
        }),
      }),
    );
    const left = fc.record({
      state: fc.oneof(anything, fc.dictionary(fc.string(), anything, { maxKeys: 2 })),
      metadata: fc.constantFrom({}, { at: new Date(0) }, undefined),
      shared: fc.dictionary(fc.string(), anything, { maxKeys: 2 }),
    });
    await fc.assert(
      fc.asyncProperty(answers, fc.option(left), fc.boolean(), async (answer, context, goesOn) => {
        behave((_payload, own) => {
          if (context) {
            Object.assign(own, { state: context.state, metadata: context.metadata });
            own.global_context.state = context.shared;
          }
          const isResult = typeof answer === 'object' && answer !== null && !Array.isArray(answer);
          return isResult ? { continue_processing: goesOn, ...answer } : answer;
        });
        await sameEveryWay(ways, callOne);
      }),
      { numRuns: 300 },
    );
  });

  it('[S9,G6] whatever the caller gives, and the hook after it finds', async () => {
    const ways = await everyWay();
    const given = fc.dictionary(fc.string(), anything, { maxKeys: 3 });
    await fc.assert(
      fc.asyncProperty(given, given, async (args, state) => {
        behave((payload, own) => {
          const seen = inspect([payload, own], { depth: 20 });
          Object.assign(own.state, state);
          Object.assign(own.global_context.state, state);
          // It changes what it was given, and does not answer with it.
          if (payload['args']) Object.assign(payload['args'], { changed: true });
          return { continue_processing: true, metadata: { seen } };
        });
        await sameEveryWay(ways, (way) => callBoth(way, args));
      }),
      { numRuns: 150 },
    );
  });

  it('[S9] a Date is its text, and what is undefined is not there', async () => {
    const ways = await everyWay();
    behave(() => ({
      continue_processing: true,
      modified_payload: {
        name: 'n',
        args: { at: new Date(0), gone: undefined, list: [undefined, Number.NaN] },
      },
    }));
    const outcome = await sameEveryWay(ways, callOne);
    expect(outcome).toMatchObject({
      result: { modified_payload: { args: { at: '1970-01-01T00:00:00.000Z', list: [null, null] } } },
    });
  });

  it.each(refused)('[S9] %s is the failure of the plugin', async (_what, make) => {
    const ways = await everyWay();
    for (const answer of [
      () => ({ continue_processing: true, metadata: { value: make() } }),
      (_payload: unknown, own: PluginContext) => void Object.assign(own.state, { value: make() }),
      (_payload: unknown, own: PluginContext) =>
        void Object.assign(own.global_context.state, { value: make() }),
    ]) {
      behave(answer);
      expect(await sameEveryWay(ways, callOne)).toEqual({ code: 'SALLY_PLUGIN_RESULT' });
    }
  });

  it('[S9] a context that the plugin has taken apart is its failure', async () => {
    const ways = await everyWay();
    const explodes = {
      get() {
        throw new TypeError('boom');
      },
    };
    for (const ruin of [
      (own: object) => void Reflect.deleteProperty(own, 'global_context'),
      (own: object) => void Object.defineProperty(own, 'state', explodes),
      (own: object) => void Object.assign(own, { state: 'gone' }),
      (own: object) => void Object.assign(own, { global_context: { state: [] } }),
    ]) {
      behave((_payload, own) => ruin(own));
      expect(await sameEveryWay(ways, callOne)).toEqual({ code: 'SALLY_PLUGIN_RESULT' });
    }
  });

  it('[S9,G6] a state that the plugin empties is empty for its next hook', async () => {
    const ways = await everyWay();
    let calls = 0;
    behave((_payload, own) => {
      const found = Object.keys(own.state);
      if (found.length === 0) Object.assign(own.state, { kept: 1 });
      else own.state = {};
      calls += 1;
      return { continue_processing: true, metadata: { found } };
    });
    await sameEveryWay(ways, async (way) => {
      const request = way.request({ request_id: 'r' });
      const found = [];
      for (let i = 0; i < 3; i += 1) {
        const { metadata } = await request.invoke('tool_pre_invoke', { name: 'n', args: {} });
        found.push(metadata['found']);
      }
      expect(found).toEqual([[], ['kept'], []]);
      return found;
    });
    expect(calls).toBe(9);
  });

  it('[S9,G6] what a plugin does later to what it has answered changes nothing', async () => {
    const ways = await everyWay();
    await sameEveryWay(ways, async (way) => {
      const kept: Record<string, unknown>[] = [];
      behave((payload, own) => {
        const args = { q: 'judged' };
        const shared = { by: 'judged' };
        Object.assign(own.state, { shared });
        Object.assign(own.global_context.state, { shared });
        kept.push(args, shared, payload);
        return { continue_processing: true, modified_payload: { name: 'n', args }, metadata: { shared } };
      });
      const request = way.request({ request_id: 'r' });
      const result = await request.invoke('tool_pre_invoke', { name: 'n', args: { q: 'asked' } });
      for (const one of kept) for (const key of Object.keys(one)) one[key] = 'changed later';
      expect(JSON.stringify([result, request.global])).not.toContain('changed later');
      return [result, request.global];
    });
  });

  it('[S9] a payload that cannot be written reaches no plugin, in this process either', async () => {
    const ways = await everyWay();
    behave(() => expect.unreachable());
    for (const [, make] of refused.slice(0, 3)) {
      for (const way of ways) {
        const args = { value: make() };
        const error = await errorOf(way.request().invoke('tool_pre_invoke', { name: 'n', args }));
        expect(error.code).toBe('SALLY_HOOK_PAYLOAD');
      }
    }
  });
});
