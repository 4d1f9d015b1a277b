import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { PluginEntry } from '../../src/config/index.js';
import { KeyMismatch } from '../../src/errors.js';
import { globalContext, type PluginContext } from '../../src/hooks/index.js';
import { silentLogger } from '../../src/log.js';
import type { PluginHandle } from '../../src/plugin/handle.js';
import { block, definePlugin, type Hooks, modify, type PluginDefinition, proceed } from '../../src/plugin/index.js';
import { startLocalPlugin } from '../../src/plugin/local.js';
import { describePlugin, pluginDefaults } from '../../src/wire/index.js';

const hook = 'tool_pre_invoke';
const context = (): PluginContext => ({ state: {}, metadata: {}, global_context: globalContext('1') });

function start(definition: unknown, entry: Partial<PluginEntry> = {}): Promise<PluginHandle> {
  return startLocalPlugin({ name: 'P', kind: './p.js', ...entry }, definition as PluginDefinition, {
    log: silentLogger,
    describe: describePlugin,
    defaults: pluginDefaults,
  });
}

const withHooks = (hooks: Hooks, entry?: Partial<PluginEntry>) => start(definePlugin({ setup: () => ({ hooks }) }), entry);

function call(plugin: PluginHandle, payload: unknown = { name: 't' }, name = hook, given = context()) {
  return plugin.invoke(name, payload, given, new AbortController().signal);
}

describe('config', () => {
  const schema = z.strictObject({ words: z.array(z.object({ search: z.string() })), depth: z.int().default(3) });

  it('[S9] reaches setup as the schema left it', async () => {
    let given: unknown;
    const definition = definePlugin({
      config: schema,
      setup: (config) => {
        given = config;
        return { hooks: {} };
      },
    });
    await start(definition, { config: { words: [{ search: 'a' }] } });
    expect(given).toEqual({ words: [{ search: 'a' }], depth: 3 });
  });

  it('[S9] without a schema is a copy of what was written', async () => {
    const config = { list: ['a'] };
    let given: Record<string, unknown> = {};
    const definition = definePlugin({
      setup: (value) => {
        given = value;
        return { hooks: {} };
      },
    });
    await start(definition, { config });
    expect(given).toEqual(config);
    expect(given['list']).not.toBe(config.list);
    await start(definition);
    expect(given).toEqual({});
  });

  it('[S9] that is not valid is an error that names every place', async () => {
    const config = { words: [{ search: 1 }], depth: 'deep', extra: true };
    const starting = start(definePlugin({ config: schema, setup: () => ({ hooks: {} }) }), { config });
    await expect(starting).rejects.toMatchObject({
      code: 'SALLY_PLUGIN_CONFIG',
      context: {
        plugin: 'P',
        problems: [
          expect.stringContaining('config.words.0.search: '),
          expect.stringContaining('config.depth: '),
          expect.stringContaining('"extra"'),
        ],
      },
    });
  });

  it('[S9] is validated by any library of Standard Schema, also one that takes its time', async () => {
    const issues = [{ message: 'too short', path: [{ key: 'words' }, 0] }, { message: 'no' }];
    const config = { '~standard': { version: 1, vendor: 'test', validate: async () => ({ issues }) } };
    await expect(start({ config, setup: () => ({ hooks: {} }) })).rejects.toMatchObject({
      context: { problems: ['config.words.0: too short', 'no'] },
    });
  });
});

describe('setup', () => {
  it('[S9] is told the name that the plugin file gives', async () => {
    let name = '';
    const definition = definePlugin({
      setup: (_config, plugin) => {
        name = plugin.name;
        return { hooks: {} };
      },
    });
    await start(definition, { name: 'Theirs' });
    expect(name).toBe('Theirs');
  });

  it.each([
    ['throws', () => { throw new TypeError('no database'); }],
    ['rejects', () => Promise.reject(new TypeError('no database'))],
  ])('[S9] that %s is an error with its words', async (_title, setup) => {
    const starting = start({ setup });
    await expect(starting).rejects.toMatchObject({
      code: 'SALLY_PLUGIN_CONFIG',
      message: "plugin 'P': its config is not valid: no database",
      cause: expect.any(TypeError),
    });
  });

  it('[S9] that ends with an error of the registry keeps it', async () => {
    const known = KeyMismatch(KeyMismatch.example);
    const setup = () => {
      throw Object.assign(new TypeError('wrapped'), { cause: known });
    };
    await expect(start({ setup })).rejects.toBe(known);
  });

  it.each([[undefined], [null], ['hooks'], [{}], [{ hooks: null }], [{ hooks: 'all' }]])(
    '[S9] that answers %j is an error',
    async (instance) => {
      await expect(start({ setup: () => instance })).rejects.toMatchObject({
        code: 'SALLY_PLUGIN_MODULE',
        message: expect.stringContaining('its setup() does not answer with { hooks: … }'),
      });
    },
  );
});

describe('hooks', () => {
  const both: Hooks = { tool_pre_invoke: () => proceed(), tool_post_invoke: () => proceed(), not_a_hook: 'text' };

  it('[S9] are all that the plugin has, where its entry lists none', async () => {
    for (const entry of [{}, { hooks: [] }]) {
      const plugin = await withHooks(both, entry);
      expect(plugin.hooks).toEqual(['tool_pre_invoke', 'tool_post_invoke']);
      expect(plugin.describe()['hooks']).toEqual(plugin.hooks);
    }
  });

  it('[S9] are those that the entry lists', async () => {
    const plugin = await withHooks(both, { hooks: ['tool_post_invoke'] });
    expect(plugin.hooks).toEqual(['tool_post_invoke']);
    await expect(call(plugin)).rejects.toMatchObject({
      code: 'SALLY_PLUGIN_HOOK',
      message: "plugin 'P' does not implement the hook tool_pre_invoke; it has tool_post_invoke",
    });
  });

  it('[S9] that are listed but not there are an error when it starts', async () => {
    await expect(withHooks(both, { hooks: ['tool_pre_invoke', 'prompt_pre_fetch'] })).rejects.toMatchObject({
      code: 'SALLY_PLUGIN_HOOK',
      context: { hook: 'prompt_pre_fetch', has: ['tool_pre_invoke', 'tool_post_invoke'] },
    });
  });

  it('[S9] of names that the contract does not know are carried through unchecked', async () => {
    const plugin = await withHooks({ their_own_hook: (payload: unknown) => modify([payload]) });
    expect((await call(plugin, 'anything', 'their_own_hook')).result.modified_payload).toEqual(['anything']);
  });
});

describe('the handle', () => {
  it('[G6] has the defaults of the contract', async () => {
    expect(await withHooks({})).toMatchObject({
      name: 'P',
      mode: 'enforce',
      onError: undefined,
      priority: 100,
      conditions: [],
    });
  });

  it('[G6] has what the entry says', async () => {
    const entry: Partial<PluginEntry> = {
      mode: 'audit',
      on_error: 'disable',
      priority: 0,
      conditions: [{ tools: ['a'] }],
    };
    expect(await withHooks({}, entry)).toMatchObject({
      mode: 'audit',
      onError: 'disable',
      priority: 0,
      conditions: [{ tools: ['a'] }],
    });
  });

  it('closes the plugin, where the plugin has something to close', async () => {
    let closed = 0;
    const close = () => {
      closed += 1;
    };
    await (await start({ setup: () => ({ hooks: {}, close }) })).close();
    await (await withHooks({})).close();
    expect(closed).toBe(1);
  });
});

describe('an answer', () => {
  it.each([
    ['nothing', undefined, { continue_processing: true, modified_payload: null, metadata: {} }],
    ['proceed()', proceed({ a: 1 }), { continue_processing: true, modified_payload: null, metadata: { a: 1 } }],
    ['modify()', modify({ name: 'n' }), { continue_processing: true, modified_payload: { name: 'n' }, metadata: {} }],
    [
      'block()',
      block({ reason: 'r', code: 'C' }),
      {
        continue_processing: false,
        modified_payload: null,
        violation: { reason: 'r', code: 'C', description: 'r', details: {} },
        metadata: {},
      },
    ],
  ])('[S9] may be %s, at once or later', async (_title, answer, result) => {
    for (const run of [() => answer, async () => answer]) {
      expect((await call(await withHooks({ tool_pre_invoke: run }))).result).toEqual(result);
    }
  });

  const circle: Record<string, unknown> = { name: 'c' };
  circle['args'] = { circle };
  it.each<[string, unknown, RegExp]>([
    ['null', null, /expected object, received null/],
    ['text', 'ok', /expected object, received string/],
    ['true', true, /expected object, received boolean/],
    ['a list', [], /expected object/],
    ['an object without continue_processing', { modified_payload: null }, /continue_processing is missing/],
    ['a continue_processing of text', { ...proceed(), continue_processing: 'no' }, /continue_processing: /],
    ['a violation without a code', { ...proceed(), violation: { reason: 'r', description: 'd' } }, /violation\.code: /],
    ['a payload of another shape', modify({ args: {} }), /modified_payload\.name: /],
    ['a payload of text', modify('text'), /modified_payload/],
    ['a circle', modify(circle), /circular/],
    ['a BigInt', modify({ name: 'n', args: { big: 1n } }), /BigInt/],
  ])('[S9] of %s is the error of the plugin', async (_title, answer, reason) => {
    const plugin = await withHooks({ tool_pre_invoke: () => answer as never });
    await expect(call(plugin)).rejects.toMatchObject({
      code: 'SALLY_PLUGIN_RESULT',
      message: expect.stringMatching(reason),
    });
  });

  it.each([
    ['throws', () => { throw new TypeError('boom'); }],
    ['rejects', () => Promise.reject(new TypeError('boom'))],
  ])('[S9] a hook that %s is the error of the plugin', async (_title, run) => {
    await expect(call(await withHooks({ tool_pre_invoke: run }))).rejects.toMatchObject({
      code: 'SALLY_PLUGIN_ERROR',
      message: "plugin 'P' failed in tool_pre_invoke: boom",
      cause: expect.any(TypeError),
    });
  });

  it.each([['boom'], [undefined], [null], [7]])('[S9] a hook may throw %j', async (thrown) => {
    const run = () => {
      throw thrown;
    };
    await expect(call(await withHooks({ tool_pre_invoke: run }))).rejects.toMatchObject({
      code: 'SALLY_PLUGIN_ERROR',
      message: `plugin 'P' failed in tool_pre_invoke: ${thrown}`,
    });
  });
});

describe('what a hook is given', () => {
  it('[S9] a payload of the wrong shape does not reach it', async () => {
    let calls = 0;
    const plugin = await withHooks({
      tool_pre_invoke: () => {
        calls += 1;
        return undefined;
      },
    });
    await expect(call(plugin, { args: {} })).rejects.toMatchObject({
      code: 'SALLY_HOOK_PAYLOAD',
      message: 'the payload of tool_pre_invoke is not valid: name: expected string, received undefined',
    });
    expect(calls).toBe(0);
  });

  it('[S9] the payload is a copy: a change counts only where it is answered', async () => {
    const payload = { name: 't', args: { list: ['a'] } };
    const plugin = await withHooks({
      tool_pre_invoke: (given) => {
        (given.args?.['list'] as string[]).push('b');
        return proceed();
      },
    });
    expect((await call(plugin, payload)).result.modified_payload).toBeNull();
    expect(payload).toEqual({ name: 't', args: { list: ['a'] } });
  });

  it('[S9] the context is a copy: what the hook leaves in it is the outcome', async () => {
    const given = { ...context(), state: { list: ['a'] } };
    const plugin = await withHooks({
      tool_pre_invoke: (_payload, own) => {
        (own.state['list'] as string[]).push('b');
        own.metadata['seen'] = true;
        own.global_context.state['user'] = 'ada';
        return undefined;
      },
    });
    const outcome = await call(plugin, undefined, hook, given);
    expect(outcome.context).toEqual({
      state: { list: ['a', 'b'] },
      metadata: { seen: true },
      global_context: globalContext('1', { state: { user: 'ada' } }),
    });
    expect(given).toEqual({ ...context(), state: { list: ['a'] } });
  });

  it('[S9] the signal and the log are those of the call', async () => {
    const control = new AbortController();
    let seen: unknown;
    const plugin = await withHooks({
      tool_pre_invoke: (_payload, _context, { signal, log }) => {
        seen = { signal, log };
        return undefined;
      },
    });
    await plugin.invoke(hook, { name: 't' }, context(), control.signal);
    expect(seen).toEqual({ signal: control.signal, log: silentLogger });
  });
});
