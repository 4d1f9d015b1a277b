import { describe, expect, it } from 'vitest';
import { PluginFailed } from '../../src/errors.js';
import { block, modify, proceed } from '../../src/plugin/index.js';
import { handle, keptLog, request } from './handles.js';

const hook = 'tool_pre_invoke';
const search = { name: 'search', args: { q: 'a' } };
const violation = { reason: 'no', code: 'NO', description: 'not allowed' };
/** A plugin that adds a letter to `q`. */
const appends = (letter: string, fields: Parameters<typeof handle>[0] = {}) =>
  handle({ name: letter, ...fields }, (payload) => {
    const { name, args } = payload as typeof search;
    return modify({ name, args: { q: args.q + letter } });
  });

describe('the payload', () => {
  it('[G6] goes through the plugins by priority, each seeing what the one before left', async () => {
    const plugins = [
      appends('c', { priority: 3 }),
      appends('d', { priority: 3 }),
      appends('b', { priority: 2 }),
    ];
    const result = await request(plugins).invoke(hook, search);
    expect(result).toEqual({
      continue_processing: true,
      payload: { name: 'search', args: { q: 'abcd' } },
      modified_payload: { name: 'search', args: { q: 'abcd' } },
      violation: null,
      metadata: {},
    });
  });

  it('[G6] is the very one that was given where nobody changes it', async () => {
    const result = await request([handle()]).invoke(hook, search);
    expect(result).toMatchObject({ modified_payload: null });
    expect(result.payload).toBe(search);
  });

  it.each(['audit', 'concurrent', 'fire_and_forget'] as const)('[G6] is not changed by %s', async (mode) => {
    const result = await request([appends('x', { mode }), appends('b')]).invoke(hook, search);
    expect(result.payload).toEqual({ name: 'search', args: { q: 'ab' } });
    expect(await request([appends('x', { mode })]).invoke(hook, search)).toMatchObject({
      modified_payload: null,
    });
  });
});

describe('a violation', () => {
  it('[G6] ends the call, names the plugin, and keeps what was changed before it', async () => {
    let later = 0;
    const plugins = [
      appends('b', { priority: 1 }),
      handle({ name: 'Guard', priority: 2 }, () => block(violation, { seen: 'Guard' })),
      handle({ name: 'later', priority: 3 }, () => {
        later += 1;
        return undefined;
      }),
    ];
    expect(await request(plugins).invoke(hook, search)).toEqual({
      continue_processing: false,
      payload: { name: 'search', args: { q: 'ab' } },
      modified_payload: { name: 'search', args: { q: 'ab' } },
      violation: { ...violation, details: {}, plugin_name: 'Guard' },
      metadata: { seen: 'Guard' },
    });
    expect(later).toBe(0);
  });

  it('[G6] that says no reason still ends the call', async () => {
    const silent = handle({}, () => ({ continue_processing: false, modified_payload: null }));
    expect(await request([silent]).invoke(hook, search)).toMatchObject({
      continue_processing: false,
      violation: null,
    });
  });

  it.each(['permissive', 'transform', 'audit'] as const)('[G6] is only logged under %s', async (mode) => {
    const { log, lines } = keptLog();
    const plugins = [handle({ name: 'Guard', mode }, () => block(violation)), appends('b')];
    const result = await request(plugins, { log }).invoke(hook, search);
    expect(result).toMatchObject({
      continue_processing: true,
      violation: null,
      payload: { args: { q: 'ab' } },
    });
    expect(lines).toMatchObject([
      { level: 'warn', fields: { plugin: 'Guard', hook, request: 'request-1', violation: 'NO' } },
    ]);
  });
});

describe('a failure', () => {
  const failing = (fields: Parameters<typeof handle>[0] = {}) =>
    handle({ name: 'Broken', ...fields }, () => {
      throw PluginFailed({ plugin: 'Broken', hook, message: 'boom' });
    });

  it.each(['enforce', 'sequential', 'concurrent'] as const)('[G6] ends the call under %s', async (mode) => {
    const { log, lines } = keptLog();
    await expect(request([failing({ mode })], { log }).invoke(hook, search)).rejects.toMatchObject({
      code: 'SALLY_PLUGIN_ERROR',
      message: "plugin 'Broken' failed in tool_pre_invoke: boom",
    });
    expect(lines).toMatchObject([
      { level: 'error', fields: { plugin: 'Broken', code: 'SALLY_PLUGIN_ERROR' } },
    ]);
  });

  it.each(['enforce_ignore_error', 'permissive', 'transform', 'audit'] as const)(
    '[G6] is only logged under %s',
    async (mode) => {
      const { log, lines } = keptLog();
      const result = await request([failing({ mode }), appends('b')], { log }).invoke(hook, search);
      expect(result.payload).toEqual({ name: 'search', args: { q: 'ab' } });
      expect(lines).toMatchObject([{ level: 'warn', fields: { code: 'SALLY_PLUGIN_ERROR' } }]);
    },
  );

  it('[G6] ends the call under every mode with fail_on_plugin_error', async () => {
    for (const mode of ['enforce_ignore_error', 'permissive', 'audit'] as const) {
      const all = request([failing({ mode })], { settings: { failOnPluginError: true } });
      await expect(all.invoke(hook, search)).rejects.toMatchObject({ code: 'SALLY_PLUGIN_ERROR' });
    }
  });

  it.each([['a text'], [undefined], [null], [{ code: 'EPIPE' }], [new TypeError('t')]])(
    '[G6] that is not an error of the registry becomes one: %j',
    async (thrown) => {
      const odd = handle({}, () => Promise.reject(thrown));
      await expect(request([odd]).invoke(hook, search)).rejects.toMatchObject({
        name: 'SallyError',
        code: 'SALLY_INTERNAL',
      });
    },
  );

  it('[G6] takes the plugin out of service under on_error: disable, for other requests too', async () => {
    let calls = 0;
    const plugin = handle({ onError: 'disable' }, () => {
      calls += 1;
      throw PluginFailed({ plugin: 'P', hook, message: 'boom' });
    });
    const outOfService = new Set<typeof plugin>();
    const { log, lines } = keptLog();
    for (let i = 0; i < 3; i += 1) {
      const one = request([plugin, appends('b')], { outOfService, log });
      expect(await one.invoke(hook, search)).toMatchObject({ payload: { args: { q: 'ab' } } });
    }
    expect(calls).toBe(1);
    expect(lines.map(({ level }) => level)).toEqual(['warn', 'error']);
  });
});

describe('metadata of the results', () => {
  it('[G6] comes together, the later over the earlier', async () => {
    const plugins = [
      handle({ priority: 1 }, () => proceed({ a: 1, both: 'first' })),
      handle({ priority: 2 }, () => modify(search, { b: 2, both: 'second' })),
    ];
    const { metadata } = await request(plugins).invoke(hook, search);
    expect(metadata).toEqual({ a: 1, b: 2, both: 'second' });
  });
});

it('[G6] a call without plugins answers with the payload', async () => {
  expect(await request([]).invoke(hook, search)).toEqual({
    continue_processing: true,
    payload: search,
    modified_payload: null,
    violation: null,
    metadata: {},
  });
});
