import { describe, expect, it } from 'vitest';
import { hookNames, readPayload } from '../../src/hooks/index.js';
import { block, definePlugin, type Hooks, modify, proceed } from '../../src/plugin/index.js';
import { fuzz } from '../../src/testing/index.js';
import { payloadsOf, Random } from '../../src/testing/payloads.js';

const plugin = (hooks: Hooks) => definePlugin({ setup: () => ({ hooks }) });

describe('payloads that are made up', () => {
  it.each(hookNames)('are valid ones of %s, the same for the same seed', (hook) => {
    const make = () => {
      const payloadOf = payloadsOf(hook, new Random(1), ['mine']);
      return Array.from({ length: 200 }, (_, i) => payloadOf(i > 100));
    };
    const payloads = make();
    for (const payload of payloads) expect(readPayload(hook, payload)).toMatchObject({ ok: true });
    expect(JSON.stringify(make())).toBe(JSON.stringify(payloads));
    expect(JSON.stringify(payloads)).toContain('mine');
  });
});

describe('the fuzzer', () => {
  it('lets a plugin pass that takes whatever comes, and says what it did', async () => {
    const good = plugin({
      tool_pre_invoke: (payload) => {
        if (payload.name === 'mine') return block({ reason: 'Mine', code: 'MINE' });
        return payload.args ? modify({ ...payload, args: { ...payload.args, seen: true } }) : proceed();
      },
      http_pre_request: () => modify({}),
    });
    const report = await fuzz(good, { words: ['mine'], seed: 7 });
    expect(report).toMatchObject({ seed: 7, calls: 600 });
    expect(report.blocked).toBeGreaterThan(0);
    expect(report.modified).toBeGreaterThan(300);
  });

  it.each<[string, Hooks, RegExp]>([
    [
      'a crash',
      { tool_post_invoke: ({ result }) => void (result as { content: [] }).content.length },
      /undefined/,
    ],
    [
      'a field that is lost',
      { tool_pre_invoke: ({ name, args }) => modify({ name, args }) },
      /has no headers|has no x-unknown/,
    ],
    [
      'an unknown field that is changed',
      { tool_pre_invoke: (payload) => modify({ ...payload, 'x-unknown': 0 }) },
      /it cannot know/,
    ],
    ['an answer that is none', { tool_pre_invoke: () => 'yes' as never }, /not a result/],
  ])('finds %s, and shows it with little', async (_what, hooks, problem) => {
    const error = await fuzz(plugin(hooks), { seed: 1 }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'SALLY_TESTING_FUZZ', context: { seed: 1 } });
    const { context } = error as { context: { payload: string; problem: string } };
    expect(context.problem).toMatch(problem);
    expect(context.payload.length).toBeLessThan(80);
  });

  it('finds a hook that takes too long, and what the author asks for', async () => {
    const slow = plugin({
      tool_pre_invoke: async ({ name }) => {
        if (name.includes('mine')) await new Promise((done) => setTimeout(done, 60));
      },
    });
    await expect(fuzz(slow, { words: ['mine'], slowMs: 50 })).rejects.toMatchObject({
      context: { problem: expect.stringMatching(/^it took \d+ ms$/) },
    });
    const check = ({ payload }: { payload: Readonly<Record<string, unknown>> }) => {
      expect(payload['name']).not.toContain('mine');
    };
    await expect(
      fuzz(plugin({ tool_pre_invoke: () => proceed() }), { words: ['mine'], check }),
    ).rejects.toMatchObject({
      code: 'SALLY_TESTING_FUZZ',
    });
  });
});
