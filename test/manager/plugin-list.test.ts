import fc from 'fast-check';
import { expect, it } from 'vitest';
import { modeEffect, onErrorValues, pluginModes } from '../../src/config/index.js';
import { globalContext } from '../../src/hooks/index.js';
import { conditionsMatch, createPluginList } from '../../src/manager/decide.js';
import type { PluginHandle } from '../../src/plugin/handle.js';
import { handle } from './handles.js';

const names = fc.array(fc.constantFrom('a', 'b', 'c', 'a__b', 'b__a__c'), { maxLength: 2 });
const condition = fc.record(
  { tools: names, prompts: names, server_ids: names, tenant_ids: names, user_patterns: names },
  { requiredKeys: [] },
);
const hooks = ['tool_pre_invoke', 'prompt_pre_fetch', 'http_pre_request', 'their_own'];
const plugin = fc.record({
  hooks: fc.option(fc.subarray(hooks), { nil: undefined }),
  mode: fc.constantFrom(...pluginModes),
  onError: fc.constantFrom(undefined, ...onErrorValues),
  priority: fc.integer({ min: 1, max: 3 }),
  conditions: fc.array(condition, { maxLength: 3 }),
});
const value = fc.constantFrom('a', 'b', 'c', 'a__c', null, undefined);
const call = fc.record({
  hook: fc.constantFrom(...hooks),
  payload: fc.oneof(fc.record({ name: value, prompt_id: value }), fc.constantFrom(null, 7)),
  context: fc.record({ server_id: value, tenant_id: value, user: fc.constantFrom('a', 'bc', null) }),
});

it('[G6] a plugin list selects those of all plugins that apply, in their order, call after call', () => {
  fc.assert(
    fc.property(fc.array(plugin, { maxLength: 12 }), fc.array(call), fc.boolean(), (given, calls, strict) => {
      const plugins = given.map((fields, i) => handle({ ...fields, name: `p${i}` }));
      const settings = { failOnPluginError: strict };
      const list = createPluginList(plugins, settings);
      for (const { hook, payload, context } of calls) {
        const global = globalContext('1', context);
        const found = list.select(hook, payload, global);
        const applying = plugins
          .filter(({ hooks }) => hooks === undefined || hooks.includes(hook))
          .filter(({ conditions }) => conditionsMatch(conditions, hook, payload, global))
          .map(({ name, priority, mode, onError }) => ({ name, priority, effect: modeEffect(mode, onError) }))
          .filter(({ effect }) => effect !== null)
          .sort((a, b) => a.priority - b.priority);
        expect(found.map(({ plugin, effect }) => [plugin.name, effect])).toEqual(
          applying.map(({ name, effect }) => [name, strict ? { ...effect, onError: 'block' } : effect]),
        );
      }
    }),
    { numRuns: 400 },
  );
});

it('[G6] a plugin whose hooks become known counts from then on', () => {
  let hooks: readonly string[] | undefined;
  let changed = () => {};
  const plugin: PluginHandle = Object.defineProperty(
    handle({
      onChange: (listener) => {
        changed = listener;
      },
    }),
    'hooks',
    { get: () => hooks },
  );
  const list = createPluginList([plugin], { failOnPluginError: false });
  const selected = () => list.select('tool_pre_invoke', { name: 'a' }, globalContext('1')).length;
  expect(selected()).toBe(1);
  hooks = ['tool_post_invoke'];
  changed();
  expect(selected()).toBe(0);
});
