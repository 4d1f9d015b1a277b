import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { PluginEntry } from '../../src/config/index.js';
import { KeyMismatch } from '../../src/errors.js';
import {
  block,
  definePlugin,
  type Hooks,
  modify,
  type PluginDefinition,
  proceed,
} from '../../src/plugin/index.js';
import { call, logTo, start, withHooks } from './started.js';

describe('config', () => {
  const schema = z.strictObject({
    words: z.array(z.object({ search: z.string() })),
    depth: z.int().default(3),
  });

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
          expect.stringContaining('config.words[0].search: '),
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
      context: { problems: ['config.words[0]: too short', 'config: no'] },
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
    [
      'throws',
      () => {
        throw new TypeError('no database');
      },
    ],
    ['rejects', () => Promise.reject(new TypeError('no database'))],
  ])('[S9] that %s is an error with its words', async (_title, setup) => {
    const starting = start({ setup });
    await expect(starting).rejects.toMatchObject({
      code: 'SALLY_PLUGIN_SETUP',
      message: "plugin 'P' cannot be set up: no database",
      cause: expect.any(TypeError),
    });
  });

  it('[S9] that fails keeps what caused it', async () => {
    const cause = new Error('connect ECONNREFUSED 127.0.0.1:9');
    const setup = () => Promise.reject(new TypeError('fetch failed', { cause }));
    await expect(start({ setup })).rejects.toMatchObject({
      message: "plugin 'P' cannot be set up: fetch failed: connect ECONNREFUSED 127.0.0.1:9",
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
  const both: Hooks = {
    tool_pre_invoke: () => proceed(),
    tool_post_invoke: () => proceed(),
  };

  it('[S9] are all that the plugin has, where its entry lists none', async () => {
    for (const entry of [{}, { hooks: [] }]) {
      const plugin = await withHooks(both, entry);
      expect(plugin.hooks).toEqual(['tool_pre_invoke', 'tool_post_invoke']);
      expect(plugin.describe?.()['hooks']).toEqual(plugin.hooks);
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

  it.each([[{}], [{ type: 'object' }], [null]])(
    '[S9] do not run where config is no schema: %j',
    async (config) => {
      const starting = start({ config, setup: () => ({ hooks: {} }) } as unknown as PluginDefinition);
      await expect(starting).rejects.toMatchObject({
        code: 'SALLY_PLUGIN_MODULE',
        message: expect.stringContaining('the config of its definePlugin() is no schema'),
        remedy: expect.stringContaining('~standard'),
      });
    },
  );

  it('[S9] that are listed but not there are an error when it starts', async () => {
    await expect(withHooks(both, { hooks: ['tool_pre_invoke', 'prompt_pre_fetch'] })).rejects.toMatchObject({
      code: 'SALLY_PLUGIN_HOOK',
      context: { hook: 'prompt_pre_fetch', has: ['tool_pre_invoke', 'tool_post_invoke'] },
    });
  });

  it('[S9] that are declared as foreign are carried through unchecked', async () => {
    const lines: string[] = [];
    const foreignHooks = { their_own_hook: (payload: unknown) => modify([payload]) };
    const plugin = await start(
      definePlugin({ setup: () => ({ hooks: {}, foreignHooks }) }),
      {},
      logTo(lines),
    );
    expect((await call(plugin, 'anything', 'their_own_hook')).result.modified_payload).toEqual(['anything']);
    expect(lines).toEqual([]);
  });

  it.each([
    ['tool_pre_invok', 'tool_pre_invoke'],
    ['tool_preinvoke', 'tool_pre_invoke'],
    ['toolPreInvoke', 'tool_pre_invoke'],
    ['TOOL_PRE_INVOKE', 'tool_pre_invoke'],
    ['pre_tool_invoke', 'tool_pre_invoke'],
    ['promt_pre_fetch', 'prompt_pre_fetch'],
    ['resource_post_fetched', 'resource_post_fetch'],
    ['http_auth_check_permissions', 'http_auth_check_permission'],
  ])('[S9] of a name close to one of the contract keep the plugin from loading: %s', async (name, meant) => {
    const starting = start({ setup: () => ({ hooks: { [name]: () => proceed() } }) });
    await expect(starting).rejects.toMatchObject({
      code: 'SALLY_HOOK_UNKNOWN',
      context: { hook: name, meant },
    });
  });

  it('[S9] of other names run, and a warning says that nothing here calls them', async () => {
    const lines: string[] = [];
    const hooks = { their_own_hook: (payload: unknown) => modify([payload]) };
    const plugin = await start({ setup: () => ({ hooks }) }, {}, logTo(lines));
    expect((await call(plugin, 'anything', 'their_own_hook')).result.modified_payload).toEqual(['anything']);
    expect(lines).toEqual([expect.stringContaining('SALLY_HOOK_UNKNOWN')]);
  });

  it('[S9] may be the methods of a class', async () => {
    class Denying {
      readonly #list = ['a'];
      tool_pre_invoke({ name }: { name: string }) {
        return this.#list.includes(name) ? block({ reason: 'denied', code: 'DENIED' }) : proceed();
      }
    }
    const plugin = await withHooks(new Denying());
    expect((await call(plugin, { name: 'a' })).result.continue_processing).toBe(false);
    expect((await call(plugin, { name: 'b' })).result.continue_processing).toBe(true);
  });

  it('[S9] that are none at all are told: such a plugin is never asked', async () => {
    const lines: string[] = [];
    await start({ setup: () => ({ hooks: {} }) }, {}, logTo(lines));
    expect(lines).toEqual([expect.stringContaining('SALLY_PLUGIN_NO_HOOKS')]);
  });

  it.each([
    ['its hook tool_pre_invoke is no function', { hooks: { tool_pre_invoke: { allow: true } } }],
    ['its hook theirs is no function', { hooks: {}, foreignHooks: { theirs: 'no' } }],
    [
      'tool_pre_invoke is a hook of the contract',
      { hooks: {}, foreignHooks: { tool_pre_invoke: () => proceed() } },
    ],
  ])('[S9] are refused where %s', async (reason, instance) => {
    await expect(start({ setup: () => instance })).rejects.toMatchObject({
      code: 'SALLY_PLUGIN_MODULE',
      message: expect.stringContaining(reason),
    });
  });

  it('[S9] of other names do not compile', () => {
    definePlugin({
      // @ts-expect-error no hook of the contract
      setup: () => ({ hooks: { tool_pre_invok: () => proceed() } }),
    });
    definePlugin({
      // @ts-expect-error one of two is no hook of the contract
      setup: () => ({ hooks: { tool_pre_invoke: () => proceed(), tool_post_invok: () => proceed() } }),
    });
    definePlugin({
      // @ts-expect-error the same from an async setup
      setup: async () => ({ hooks: { tool_pre_invoke: () => proceed(), tool_post_invok: () => proceed() } }),
    });
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

describe('a hook that fails', () => {
  it('says what caused it too', async () => {
    const cause = new Error('connect ECONNREFUSED 127.0.0.1:9');
    const plugin = await withHooks({
      tool_pre_invoke: () => {
        throw new TypeError('fetch failed', { cause });
      },
    });
    await expect(call(plugin)).rejects.toThrow('fetch failed: connect ECONNREFUSED 127.0.0.1:9');
  });
});
