import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { onErrorValues, type PluginMode, parseConfig, pluginModes } from '../../../src/config/index.js';
import { SallyError } from '../../../src/errors.js';
import { silentLogger } from '../../../src/log.js';
import { openPluginManager } from '../../../src/manager/index.js';
import { createPluginServer } from '../../../src/server/index.js';
import type { Observer } from '../../../src/telemetry/index.js';
import { errorOf } from '../../support/gateway.js';
import { decisionsOf, recorder } from '../../support/observer.js';
import { tcpClient, tcpServer } from '../../support/tcp.js';

const kind = resolve(import.meta.dirname, '../../support/plugins/planned.mjs');
const names = ['A', 'B', 'C', 'D', 'E'];

/** What a plugin does in one run, and how the gateway has it. */
interface Planned {
  readonly name: string;
  readonly mode: PluginMode;
  readonly on_error: (typeof onErrorValues)[number] | undefined;
  readonly priority: number;
  readonly tools: readonly string[];
  readonly does: string;
  readonly global: string | undefined;
  readonly drop: string | undefined;
}

function parse(file: object, side: 'server' | 'gateway') {
  const options = { path: '/test/plugins.yaml', cwd: '/test', env: {}, side, exists: () => true } as const;
  return parseConfig(stringify(file), options);
}

/** A server with five plugins of the same module. */
async function openServer(settings: object = {}) {
  const plugins = names.map((name) => ({ name, kind }));
  const config = parse({ plugins, plugin_settings: settings }, 'server');
  const server = await createPluginServer(config, { log: silentLogger, version: '0' });
  onTestFinished(() => server.close());
  return server;
}

const startServer = async (settings: object = {}) =>
  (await (await openServer(settings)).listen({ port: 0 })).url;

/** A way to a server that writes down which tools of hooks are called on it. */
async function countingProxy(url: string) {
  const tools: string[] = [];
  const { port, hostname } = new URL(url);
  const proxy = tcpServer((client) => {
    const server = tcpClient({ port: Number(port), host: hostname });
    client.on('data', (chunk) => {
      for (const [, tool = ''] of chunk.toString().matchAll(/"name":"(invoke_hooks?)"/g)) tools.push(tool);
    });
    client.pipe(server).pipe(client);
    server.on('close', () => client.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, 'localhost', resolve));
  onTestFinished(() => void proxy.close());
  return { tools, url: `http://localhost:${(proxy.address() as AddressInfo).port}/mcp` };
}

async function gateway(
  url: string,
  planned: readonly Planned[],
  chains: boolean,
  settings: object = {},
  observer?: Observer,
) {
  const plugins = planned.map(({ name, mode, on_error, priority, tools }) => ({
    name,
    kind: 'external',
    mcp: { proto: 'STREAMABLEHTTP', url },
    mode,
    priority,
    ...(on_error && { on_error }),
    ...(tools.length > 0 && { conditions: [{ tools }] }),
  }));
  const manager = await openPluginManager(parse({ plugins, plugin_settings: settings }, 'gateway'), {
    log: silentLogger,
    chains,
    observer,
  });
  onTestFinished(() => manager.close());
  return manager;
}

/** Everything that a request can see of its plugins. */
async function run(url: string, planned: readonly Planned[], chains: boolean, settings: object = {}) {
  const watched = recorder();
  const manager = await gateway(url, planned, chains, settings, watched.observer);
  const plan = Object.fromEntries(
    planned.map(({ name, does, global, drop }) => [name, { does, global, drop }]),
  );
  const request = manager.request({ request_id: 'r', user: 'ada', state: { start: 1, shared: 'gateway' } });
  const invoke = async (hook: string, payload: object) => {
    try {
      return await request.invokeForeign(hook, payload);
    } catch (error) {
      if (!(error instanceof SallyError)) throw error;
      return { code: error.code, message: error.message };
    }
  };
  const pre = await invoke('tool_pre_invoke', { name: 'search', args: { plan, trail: '' } });
  const again = await invoke('tool_pre_invoke', { name: 'search', args: { plan, trail: '-' } });
  const post = await invoke('tool_post_invoke', { name: 'search', result: [] });
  await manager.close();
  // What was asked ahead and not needed is a call of one way only; of changes in one round trip the last one comes back.
  const observed = decisionsOf(watched.of('hookCall'))
    .filter(([, , decision]) => decision !== 'skipped')
    .map((call) => call.map((part) => (part === 'modified' ? 'continue' : part)));
  expect(watched.loose).toEqual([]);
  return { pre, again, post, global: request.global, observed };
}

const plans: fc.Arbitrary<Planned[]> = fc
  .array(
    fc.record({
      // Those that nobody waits for race with the others in both ways.
      mode: fc.constantFrom(...pluginModes.filter((mode) => mode !== 'fire_and_forget')),
      on_error: fc.constantFrom(undefined, ...onErrorValues),
      priority: fc.integer({ min: 1, max: 3 }),
      tools: fc.constantFrom([], [], ['search'], ['delete']),
      does: fc.constantFrom(
        ...[
          'nothing',
          'modify',
          'modify',
          'modify-and-block',
          'block',
          'throw',
          'nonsense',
          'wrong-shape',
          'odd-values',
        ],
      ),
      global: fc.constantFrom(undefined, 'shared', 'own', 'start'),
      drop: fc.constantFrom(undefined, undefined, 'shared', 'start'),
    }),
    { minLength: 1, maxLength: names.length },
  )
  .map((list) => list.map((plan, i) => ({ ...plan, name: names[i] ?? '' })));

const planned = (name: string, does: string, more: Partial<Planned> = {}): Planned => ({
  name,
  does,
  mode: 'enforce',
  on_error: undefined,
  priority: 100,
  tools: [],
  global: undefined,
  drop: undefined,
  ...more,
});

describe('plugins of one server in one round trip', () => {
  it('[G6] whatever they do: the request sees the same as of single calls', async () => {
    const url = await startServer();
    await fc.assert(
      fc.asyncProperty(plans, fc.boolean(), async (plan, fail_on_plugin_error) => {
        const settings = { fail_on_plugin_error };
        expect(await run(url, plan, true, settings)).toEqual(await run(url, plan, false, settings));
      }),
      { numRuns: 60 },
    );
  });

  it('[G6] one that hangs is given up at the deadline of the gateway, and the next one runs', async () => {
    const url = await startServer();
    const plan = [
      planned('A', 'modify'),
      planned('B', 'hang', { mode: 'permissive' }),
      planned('C', 'modify'),
      planned('D', 'hang'),
      planned('E', 'modify'),
    ];
    const settings = { plugin_timeout: 0.2 };
    const [chained, single] = [await run(url, plan, true, settings), await run(url, plan, false, settings)];
    expect(chained).toEqual(single);
    expect(chained.pre).toMatchObject({
      code: 'SALLY_PLUGIN_TIMEOUT',
      message: expect.stringContaining("'D'"),
    });
  });

  it('[G6] a stricter deadline of the server is its own error', async () => {
    const url = await startServer({ plugin_timeout: 0.2 });
    const plan = [planned('A', 'modify'), planned('B', 'hang'), planned('C', 'modify')];
    const [chained, single] = [await run(url, plan, true), await run(url, plan, false)];
    expect(chained).toEqual(single);
    expect(chained.pre).toMatchObject({ code: 'SALLY_PLUGIN_ERROR' });
  });

  it('[G6] a caller that gives up ends the plugin that is at work', async () => {
    const url = await startServer();
    const plan = [
      planned('A', 'modify'),
      planned('B', 'hang', { mode: 'permissive' }),
      planned('C', 'modify'),
    ];
    const manager = await gateway(url, plan, true);
    const control = new AbortController();
    const call = manager
      .request()
      .invoke(
        'tool_pre_invoke',
        { name: 'search', args: { plan: { B: { does: 'hang' } }, trail: '' } },
        { signal: control.signal },
      );
    setTimeout(() => control.abort(), 100);
    await expect(call).rejects.toMatchObject({ code: 'SALLY_CALL_CANCELLED' });
  });

  it('[G6] is one request, until one of them is not to be waited for or is elsewhere', async () => {
    const [url, elsewhere] = [await startServer(), await startServer()];
    const counted = await countingProxy(url);
    const plan = names.map((name) => planned(name, 'modify'));
    const payload = { name: 'search', args: { plan: {}, trail: '' } };
    const asked = async (entries: readonly Planned[], chains: boolean) => {
      const manager = await gateway(counted.url, entries, chains);
      counted.tools.length = 0;
      await manager.request().invoke('tool_pre_invoke', payload);
      return [...counted.tools];
    };
    expect(await asked(plan, true)).toEqual(['invoke_hooks']);
    expect(await asked(plan, false)).toEqual(plan.map(() => 'invoke_hook'));
    const parted = plan.map((one, i) => (i === 2 ? { ...one, mode: 'fire_and_forget' as const } : one));
    expect((await asked(parted, true)).sort()).toEqual(['invoke_hook', 'invoke_hooks', 'invoke_hooks']);
    const manager = await gateway(counted.url, plan, true);
    const file = {
      plugins: [{ name: 'C', kind: 'external', mcp: { proto: 'STREAMABLEHTTP', url: elsewhere } }],
    };
    const other = await openPluginManager(parse(file, 'gateway'), { log: silentLogger });
    onTestFinished(() => other.close());
    expect(other.find('C')?.chainFor?.('tool_pre_invoke')).not.toBe(
      manager.find('C')?.chainFor?.('tool_pre_invoke'),
    );
  });

  it('[G6] a server that went away fails each of them as its mode says, and is found again', async () => {
    const plan = [planned('A', 'modify', { mode: 'permissive' }), planned('B', 'modify')];
    const payload = { name: 'search', args: { plan: { A: { does: 'modify' } }, trail: '' } };
    for (const chains of [true, false]) {
      const server = await openServer();
      const { url, port } = await server.listen({ port: 0 });
      const manager = await gateway(url, plan, chains);
      await server.close();
      const logged = await errorOf(manager.request().invoke('tool_pre_invoke', payload));
      expect(logged).toMatchObject({ code: 'SALLY_CONNECT_REFUSED' });
      const back = await openServer();
      await back.listen({ port: port ?? 0 });
      const { payload: after } = await manager.request().invoke('tool_pre_invoke', payload);
      expect(after.args.trail).toBe('A');
    }
  });
});
