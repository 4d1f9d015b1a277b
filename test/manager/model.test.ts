import fc from 'fast-check';
import { expect, it } from 'vitest';
import { onErrorValues, type PluginMode, pluginModes } from '../../src/config/index.js';
import { PluginFailed } from '../../src/errors.js';
import { block, modify, proceed } from '../../src/plugin/index.js';
import { handle, request } from './handles.js';

const hook = 'tool_pre_invoke';

/** A plugin as the model sees it: it appends its letter, blocks, fails, or does nothing. */
interface Planned {
  readonly name: string;
  readonly mode: PluginMode;
  readonly onError: (typeof onErrorValues)[number] | undefined;
  readonly priority: number;
  readonly tools: readonly string[];
  readonly hooks: readonly string[] | undefined;
  readonly answer: 'proceed' | 'modify' | 'block' | 'fail';
}

const plugins: fc.Arbitrary<Planned[]> = fc
  .array(
    fc.record({
      mode: fc.constantFrom(...pluginModes),
      onError: fc.constantFrom(undefined, ...onErrorValues),
      priority: fc.integer({ min: 1, max: 4 }),
      tools: fc.constantFrom([], ['search'], ['search', 'delete'], ['delete']),
      hooks: fc.constantFrom(undefined, [hook], [hook, 'tool_post_invoke'], ['tool_post_invoke']),
      answer: fc.constantFrom('proceed', 'modify', 'block', 'fail'),
    }),
    { maxLength: 8 },
  )
  .map((list) => list.map((plan, i) => ({ ...plan, name: `p${i}` })));

/** What the tables of the contract say, as plain as it can be said. */
function model(planned: readonly Planned[], failOnPluginError: boolean) {
  const called: string[] = [];
  let text = '';
  for (const priority of [1, 2, 3, 4]) {
    for (const plan of planned.filter((one) => one.priority === priority)) {
      if (plan.mode === 'disabled') continue;
      if (plan.hooks && !plan.hooks.includes(hook)) continue;
      if (plan.tools.length > 0 && !plan.tools.includes('search')) continue;
      called.push(plan.name);
      const strict = ['enforce', 'enforce_ignore_error', 'sequential', 'concurrent'].includes(plan.mode);
      const mayModify = !['audit', 'concurrent', 'fire_and_forget'].includes(plan.mode);
      if (plan.answer === 'modify' && mayModify) text += plan.name;
      if (plan.answer === 'block' && strict) return { called, text, end: `blocked by ${plan.name}` };
      if (plan.answer !== 'fail' || plan.mode === 'fire_and_forget') continue;
      const byMode = strict && plan.mode !== 'enforce_ignore_error';
      const ends = failOnPluginError || (plan.onError === undefined ? byMode : plan.onError === 'fail');
      if (ends) return { called, text: '', end: `failed in ${plan.name}` };
    }
  }
  return { called, text, end: 'continues' };
}

async function real(planned: readonly Planned[], failOnPluginError: boolean) {
  const called: string[] = [];
  const handles = planned.map(({ name, mode, onError, priority, hooks, tools, answer }) =>
    handle(
      { name, mode, onError, priority, hooks, conditions: tools.length > 0 ? [{ tools }] : [] },
      (payload) => {
        called.push(name);
        const given = payload as { name: string; text: string };
        if (answer === 'modify') return modify({ ...given, text: given.text + name });
        if (answer === 'block') return block({ reason: name, code: 'NO' });
        if (answer === 'fail') throw PluginFailed({ plugin: name, hook, message: 'boom' });
        return proceed();
      },
    ),
  );
  const one = request(handles, { settings: { failOnPluginError } });
  try {
    const result = await one.invoke(hook, { name: 'search', text: '' });
    const end = result.continue_processing ? 'continues' : `blocked by ${result.violation?.plugin_name}`;
    return { called, text: result.payload.text, end };
  } catch (error) {
    if (!PluginFailed.is(error)) throw error;
    return { called, text: '', end: `failed in ${error.context.plugin}` };
  }
}

it('[G6] whatever the plugins: the outcome is that of the contract', async () => {
  await fc.assert(
    fc.asyncProperty(plugins, fc.boolean(), async (planned, failOnPluginError) => {
      expect(await real(planned, failOnPluginError)).toEqual(model(planned, failOnPluginError));
    }),
    { numRuns: 500 },
  );
});
