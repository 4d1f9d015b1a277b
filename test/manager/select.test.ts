import { describe, expect, it, onTestFinished } from 'vitest';
import { globalContext } from '../../src/hooks/index.js';
import { silentLogger } from '../../src/log.js';
import { createPluginList } from '../../src/manager/decide.js';
import { openPluginManager } from '../../src/manager/index.js';
import type { PluginHandle } from '../../src/plugin/handle.js';
import { parse } from '../config/helpers.js';
import { handle } from './handles.js';

function selected(plugins: readonly PluginHandle[], failOnPluginError = false) {
  const payload = { name: 'search' };
  const list = createPluginList(plugins, { failOnPluginError });
  return list.select('tool_pre_invoke', payload, globalContext('1'));
}
const names = (plugins: readonly PluginHandle[]) => selected(plugins).map(({ plugin }) => plugin.name);

describe('which plugins run', () => {
  it('[G6] those that have the hook, and those of which that is not known', () => {
    const plugins = [
      handle({ name: 'has', hooks: ['tool_pre_invoke'] }),
      handle({ name: 'other', hooks: ['tool_post_invoke'] }),
      handle({ name: 'none', hooks: [] }),
      handle({ name: 'unknown', hooks: undefined }),
    ];
    expect(names(plugins)).toEqual(['has', 'unknown']);
  });

  it('[G6] those whose conditions hold', () => {
    const plugins = [
      handle({ name: 'search', conditions: [{ tools: ['search'] }] }),
      handle({ name: 'delete', conditions: [{ tools: ['delete'] }] }),
    ];
    expect(names(plugins)).toEqual(['search']);
  });

  it.each([undefined, 'fail', 'ignore', 'disable'] as const)(
    '[G6] a disabled one never, with on_error %s',
    (onError) => {
      expect(names([handle({ mode: 'disabled', onError })])).toEqual([]);
    },
  );
});

describe('in which order', () => {
  it('[G6] by priority, lower first, and within one priority as listed', () => {
    const plugins = [
      handle({ name: 'late', priority: 200 }),
      handle({ name: 'first of two', priority: 50 }),
      handle({ name: 'negative', priority: -1 }),
      handle({ name: 'second of two', priority: 50 }),
    ];
    expect(names(plugins)).toEqual(['negative', 'first of two', 'second of two', 'late']);
  });

  it('leaves the list that it is given as it is', () => {
    const plugins = Object.freeze([handle({ name: 'b', priority: 2 }), handle({ name: 'a', priority: 1 })]);
    expect(names(plugins)).toEqual(['a', 'b']);
  });
});

describe('with what effect', () => {
  it.each([
    ['enforce', undefined, 'block', 'block', true, true],
    ['enforce', 'ignore', 'block', 'log', true, true],
    ['enforce', 'disable', 'block', 'log', true, true],
    ['enforce', 'fail', 'block', 'block', true, true],
    ['sequential', undefined, 'block', 'block', true, true],
    ['sequential', 'ignore', 'block', 'log', true, true],
    ['enforce_ignore_error', undefined, 'block', 'log', true, true],
    ['enforce_ignore_error', 'fail', 'block', 'block', true, true],
    ['permissive', undefined, 'log', 'log', true, true],
    ['permissive', 'fail', 'log', 'block', true, true],
    ['transform', undefined, 'log', 'log', true, true],
    ['transform', 'disable', 'log', 'log', true, true],
    ['audit', undefined, 'log', 'log', false, true],
    ['concurrent', undefined, 'block', 'block', false, true],
    ['concurrent', 'ignore', 'block', 'log', false, true],
    ['fire_and_forget', undefined, 'log', 'log', false, false],
  ] as const)('[G6] %s with on_error %s', (mode, onError, onViolation, then, modifies, awaited) => {
    const [one] = selected([handle({ mode, onError })]);
    expect(one?.effect).toMatchObject({ onViolation, onError: then, modifies, awaited });
  });

  it.each(['enforce_ignore_error', 'permissive', 'transform', 'audit', 'sequential'] as const)(
    '[G6] fail_on_plugin_error makes an error of %s block, whatever on_error says',
    (mode) => {
      const [one] = selected([handle({ mode, onError: 'ignore' })], true);
      expect(one?.effect.onError).toBe('block');
    },
  );

  it('[G6] fail_on_plugin_error does not make a disabled plugin run', () => {
    expect(selected([handle({ mode: 'disabled' })], true)).toEqual([]);
  });
});

it('[G6] a disabled one is listed, and neither looked for nor called', async () => {
  const file = 'plugins: [{name: Off, kind: ./nowhere.js, mode: disabled, hooks: [tool_pre_invoke]}]';
  const manager = await openPluginManager(parse(file), { log: silentLogger });
  onTestFinished(() => manager.close());
  expect(manager.plugins.map((plugin) => plugin.describe?.())).toMatchObject([
    { name: 'Off', mode: 'disabled', hooks: ['tool_pre_invoke'] },
  ]);
  const call = { hook: 'tool_pre_invoke', payload: { name: 't' } };
  const context = { state: {}, metadata: {}, global_context: globalContext('1') };
  const outcomes = ['Off', 'On'].map((plugin) => manager.invokeOne({ plugin, ...call, context }));
  expect(await Promise.all(outcomes)).toMatchObject([
    { kind: 'failed', error: { code: 'SALLY_PLUGIN_DISABLED' } },
    { kind: 'failed', error: { code: 'SALLY_PLUGIN_NOT_FOUND', context: { has: ['Off'] } } },
  ]);
});
