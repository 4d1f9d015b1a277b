import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { block, definePlugin, modify } from '../../src/plugin/index.js';
import { call, openPlugin } from '../../src/testing/index.js';

const guard = definePlugin({
  config: z.strictObject({ denied: z.array(z.string()).default([]) }),
  setup: ({ denied }) => ({
    hooks: {
      tool_pre_invoke(payload, { state, global_context: { user } }) {
        if (payload.name === 'throw') throw new TypeError('cannot read');
        state['calls'] = Number(state['calls'] ?? 0) + 1;
        if (denied.includes(payload.name)) return block({ reason: 'Denied', code: 'DENIED' });
        return modify({ ...payload, args: { ...payload.args, user } });
      },
      tool_post_invoke: (_payload, { state }) => modify({ name: 'x', result: state['calls'] }),
      http_pre_request: ({ headers }) => modify({ ...headers, 'x-seen': 'yes' }),
    },
  }),
});

describe.each(['process', 'mtls'] as const)('a plugin under test, over %s', (over) => {
  it('is called by value, with its config and a context', async () => {
    const options = { over, config: { denied: ['rm'] } };
    const blocked = await call(guard, 'tool_pre_invoke', { name: 'rm' }, options);
    expect(blocked).toMatchObject({ continue_processing: false, violation: { code: 'DENIED' } });
    const context = { state: { calls: 1 }, global_context: { user: 'ada' } };
    const passed = await call(guard, 'tool_pre_invoke', { name: 'ls', args: {} }, { ...options, context });
    expect(passed.payload).toEqual({ name: 'ls', args: { user: 'ada' } });
    expect(passed.context.state).toEqual({ calls: 2 });
  });

  it('keeps its state from call to call, and has the next payload in the form of the hook', async (test) => {
    const plugin = await openPlugin(guard, { over, test });
    expect(plugin.hooks).toEqual(['tool_pre_invoke', 'tool_post_invoke', 'http_pre_request']);
    const before = await plugin.call('tool_pre_invoke', { name: 'ls' });
    const after = await plugin.call(
      'tool_post_invoke',
      { name: 'ls', result: 0 },
      { context: before.context },
    );
    expect(after.payload.result).toBe(1);
    const request = { path: '/', method: 'GET', headers: { a: 'b' } };
    const { modified_payload, payload } = await plugin.call('http_pre_request', request);
    expect(modified_payload).toEqual({ a: 'b', 'x-seen': 'yes' });
    expect(payload).toEqual({ ...request, headers: { a: 'b', 'x-seen': 'yes' } });
  });

  it('rejects with what went wrong', async () => {
    await expect(call(guard, 'tool_pre_invoke', { name: 'throw' }, { over })).rejects.toMatchObject({
      code: 'SALLY_PLUGIN_ERROR',
      message: expect.stringContaining('cannot read'),
    });
    await expect(
      call(guard, 'tool_pre_invoke', { name: 'x' }, { over, config: { denyed: [] } }),
    ).rejects.toMatchObject({ code: 'SALLY_PLUGIN_CONFIG' });
    await expect(call(guard, 'prompt_pre_fetch', { prompt_id: 'x' }, { over })).rejects.toMatchObject({
      code: expect.stringMatching(/^SALLY_PLUGIN/),
    });
  });
});

it('a hook of a misspelt name is one for TypeScript and for JavaScript; one of another gateway is called as it is', async (test) => {
  const foreign = definePlugin({
    setup: () => ({
      hooks: {},
      foreignHooks: { session_open: (payload) => modify({ ...payload, seen: true }) },
    }),
  });
  const plugin = await openPlugin(foreign, { test });
  // @ts-expect-error: no hook of the contract has this name
  await expect(plugin.call('tool_pre_invok', { name: 'x' })).rejects.toMatchObject({
    message: expect.stringContaining('tool_pre_invok'),
    remedy: expect.stringContaining('tool_pre_invoke'),
  });
  expect((await plugin.callForeign('session_open', { a: 1 })).payload).toEqual({ a: 1, seen: true });
});

it('what is opened with a test is closed with it, in node:test and in vitest, and leaves no folder behind', async () => {
  const folders = () => readdirSync(tmpdir()).filter((name) => name.startsWith('sallyport-testing-'));
  const before = new Set(folders());
  for (const way of ['after', 'onTestFinished'] as const) {
    let close: (() => Promise<void>) | undefined;
    const test = {
      [way]: (done: () => Promise<void>) => {
        close = done;
      },
    };
    const plugin = await openPlugin(guard, { over: 'mtls', test });
    await close?.();
    await expect(plugin.call('tool_pre_invoke', { name: 'x' })).rejects.toMatchObject({
      code: 'SALLY_PLUGINS_CLOSED',
    });
  }
  // Other files of tests may have some at this moment.
  expect(folders().filter((name) => !before.has(name) && existsSync(name))).toEqual([]);
});
