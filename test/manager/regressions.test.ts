import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { proceed } from '../../src/plugin/index.js';
import { deferred, handle, request } from './handles.js';

const hook = 'tool_pre_invoke';
const payload = { name: 'search', args: {} };

it('[G6] a caller that gives up does not take a plugin out of service', async () => {
  const plugin = handle({ onError: 'disable' });
  const outOfService = new Set<typeof plugin>();
  const call = request([plugin], { outOfService }).invoke(hook, payload, { signal: AbortSignal.abort() });
  await expect(call).rejects.toMatchObject({ code: 'SALLY_CALL_CANCELLED' });
  expect(outOfService.size).toBe(0);
});

it.each([
  ['of its band', {}, { parallelExecutionWithinBand: true }],
  ['that nobody waited for', { mode: 'fire_and_forget', priority: 1 } as const, {}],
])(
  '[G6] a plugin %s that ends later does not undo the global state of another',
  async (_which, more, settings) => {
    const late = deferred();
    const other = handle({ name: 'B', ...more }, async () => {
      await late.promise;
      return undefined;
    });
    const writer = handle({ name: 'A', priority: 100 }, (_payload, context) => {
      context.global_context.state['user'] = 'ada';
      setImmediate(late.resolve);
      return undefined;
    });
    const one = request([other, writer], { settings, global: { state: { user: 'nobody' } } });
    await one.invoke(hook, payload);
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(one.global.state).toEqual({ user: 'ada' });
  },
);

it('[G6] one that nobody waited for does not change a result that was handed out', async () => {
  const late = deferred();
  const background = handle({ mode: 'fire_and_forget' }, async () => {
    await late.promise;
    return proceed({ late: true });
  });
  const { metadata } = await request([background]).invoke(hook, payload);
  late.resolve();
  await new Promise(setImmediate);
  expect(metadata).toEqual({});
});

it('[G6] a thrown value without a text is a failure like any other', async () => {
  const plugin = handle({ mode: 'permissive' }, () => Promise.reject(Object.create(null)));
  expect(await request([plugin]).invoke(hook, payload)).toMatchObject({ continue_processing: true });
});

it('[G6] a payload that is no JSON is an error of the registry', async () => {
  const circle: { name: string; args?: Record<string, unknown> } = { name: 'x' };
  circle['args'] = { circle };
  await expect(request([handle()]).invoke(hook, circle)).rejects.toMatchObject({
    code: 'SALLY_HOOK_PAYLOAD',
  });
});

it('[G6] a payload of another shape is the caller’s mistake, whatever the mode', async () => {
  // @ts-expect-error the payload has no name
  const call = request([handle({ mode: 'permissive' })]).invoke(hook, { args: {} });
  await expect(call).rejects.toMatchObject({ code: 'SALLY_HOOK_PAYLOAD' });
  // @ts-expect-error the same where no plugin has the hook
  const unheard = request([]).invoke(hook, { args: {} });
  await expect(unheard).rejects.toMatchObject({ code: 'SALLY_HOOK_PAYLOAD' });
});

it('[G6] a hook that the contract does not have is refused where it is called, with the one that was meant', async () => {
  // @ts-expect-error no hook of the contract
  await expect(request([handle()]).invoke('tool_pre_invok', payload)).rejects.toMatchObject({
    code: 'SALLY_HOOK_UNKNOWN',
    message:
      'the caller names the hook tool_pre_invok, which the contract does not have: did you mean tool_pre_invoke?',
  });
  // @ts-expect-error no hook of the contract
  const theirs = request([handle()]).invoke('theirs', payload);
  await expect(theirs).rejects.toMatchObject({ code: 'SALLY_HOOK_UNKNOWN', context: { meant: undefined } });
  expect(await request([handle()]).invokeForeign('theirs', 1)).toMatchObject({ continue_processing: true });
});

it('[G6] payload and answer have the types of the hook', async () => {
  const { payload: after, modified_payload: modified } = await request([handle()]).invoke(hook, {
    name: 't',
    args: { q: 'a' },
  });
  const q: string = after.args.q;
  const name: string | undefined = modified?.name;
  const permission = await request([]).invoke('http_auth_check_permission', {
    user_email: 'a',
    permission: 'p',
  });
  const granted: boolean | undefined = permission.modified_payload?.granted;
  expect([q, name, granted]).toEqual(['a', undefined, undefined]);
});

it('[G6] a signal keeps no listener of a plugin that hangs', async () => {
  const { signal } = new AbortController();
  const hung = handle({ mode: 'permissive' }, () => new Promise(() => {}));
  await request([hung], { settings: { pluginTimeoutMs: 5 } }).invoke(hook, payload, { signal });
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});
