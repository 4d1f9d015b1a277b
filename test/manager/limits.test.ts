import { getEventListeners } from 'node:events';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { maxPayloadBytes } from '../../src/manager/call.js';
import type { PluginHandle } from '../../src/plugin/handle.js';
import { modify } from '../../src/plugin/index.js';
import { type Behaviour, deferred, handle, keptLog, request } from './handles.js';

const hook = 'tool_pre_invoke';
const payload = { name: 'search' };

/** A plugin, and how often it was called. */
function counted(fields: Partial<Omit<PluginHandle, 'invoke'>> = {}, behave: Behaviour = () => undefined) {
  const count = { calls: 0 };
  const plugin = handle(fields, (...call) => {
    count.calls += 1;
    return behave(...call);
  });
  return { plugin, count };
}

const never = () => new Promise<undefined>(() => {});

/** A payload whose JSON has exactly this many bytes, most of them of two-byte letters. */
function payloadOf(bytes: number) {
  const empty = Buffer.byteLength(JSON.stringify({ name: '' }));
  const room = bytes - empty;
  return { name: 'ä'.repeat(Math.floor(room / 2)) + 'a'.repeat(room % 2) };
}

describe('the size of a payload', () => {
  it('[G6] the contract allows 1,000,000 bytes of JSON', () => {
    expect(maxPayloadBytes).toBe(1_000_000);
    expect(Buffer.byteLength(JSON.stringify(payloadOf(1_000_000)))).toBe(1_000_000);
  });

  it('[G6] exactly at the limit passes', async () => {
    const { plugin, count } = counted();
    await request([plugin]).invoke(hook, payloadOf(maxPayloadBytes));
    expect(count.calls).toBe(1);
  });

  it('[G6] one byte more is refused before any plugin sees it, whatever the mode', async () => {
    const { plugin, count } = counted({ mode: 'permissive' });
    await expect(request([plugin]).invoke(hook, payloadOf(maxPayloadBytes + 1))).rejects.toMatchObject({
      code: 'SALLY_HOOK_PAYLOAD_SIZE',
      message: 'the payload of tool_pre_invoke has 1000001 bytes; plugins take at most 1000000',
    });
    expect(count.calls).toBe(0);
  });

  it('[G6] is of no concern where no plugin runs', async () => {
    const large = payloadOf(2 * maxPayloadBytes);
    const elsewhere = counted({ hooks: ['tool_post_invoke'] });
    for (const plugins of [[], [elsewhere.plugin], [handle({ mode: 'disabled' })]]) {
      expect((await request(plugins).invoke(hook, large)).payload).toBe(large);
    }
  });
});

describe('a plugin that does not answer', () => {
  const settings = { pluginTimeoutMs: 5 };

  it('[G6] is given up after plugin_timeout, and its signal says why', async () => {
    let signal: AbortSignal | undefined;
    const plugin = handle({ name: 'Slow' }, (_payload, _context, given) => {
      signal = given;
      return never();
    });
    await expect(request([plugin], { settings }).invoke(hook, payload)).rejects.toMatchObject({
      code: 'SALLY_PLUGIN_TIMEOUT',
      message: "plugin 'Slow' did not answer tool_pre_invoke within 0.005 s",
    });
    expect(signal?.reason).toMatchObject({ code: 'SALLY_PLUGIN_TIMEOUT' });
  });

  it('[G6] is given up at the second that is set, and one that answers leaves no timer behind', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    await request([handle()]).invoke(hook, payload);
    await Promise.resolve();
    expect(vi.getTimerCount()).toBe(0);
    const call = request([handle({}, never)]).invoke(hook, payload);
    const ended = expect(call).rejects.toMatchObject({
      code: 'SALLY_PLUGIN_TIMEOUT',
      context: { seconds: 30 },
    });
    await vi.advanceTimersByTimeAsync(29_999);
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    await ended;
  });

  it('[G6] lets the request go on under permissive', async () => {
    const plugins = [handle({ mode: 'permissive' }, never), handle({}, () => modify({ name: 'next' }))];
    const result = await request(plugins, { settings }).invoke(hook, payload);
    expect(result.payload).toEqual({ name: 'next' });
  });

  it('[G6] an answer that comes too late changes nothing', async () => {
    const late = deferred();
    const states: unknown[] = [];
    const plugin = handle({ mode: 'permissive' }, async (_payload, context) => {
      states.push({ ...context.state, ...context.global_context.state });
      if (states.length > 1) return undefined;
      await late.promise;
      context.state['late'] = true;
      context.global_context.state['late'] = true;
      return modify({ name: 'late' });
    });
    const one = request([plugin], { settings });
    const result = await one.invoke(hook, payload);
    late.resolve();
    await new Promise(setImmediate);
    expect(result).toMatchObject({ modified_payload: null, payload });
    await one.invoke(hook, payload);
    expect(states).toEqual([{}, {}]);
  });
});

describe('a caller that gives up', () => {
  it('[G6] ends the plugin that is at work, and no other begins', async () => {
    const control = new AbortController();
    let reason: unknown;
    const first = handle({ name: 'First', priority: 1 }, (_payload, _context, signal) => {
      signal.addEventListener('abort', () => {
        reason = signal.reason;
      });
      control.abort();
      return never();
    });
    const second = counted({ priority: 2 });
    const call = request([first, second.plugin]).invoke(hook, payload, { signal: control.signal });
    await expect(call).rejects.toMatchObject({
      code: 'SALLY_CALL_CANCELLED',
      message: "the call of tool_pre_invoke on plugin 'First' was cancelled",
    });
    expect(reason).toMatchObject({ code: 'SALLY_CALL_CANCELLED' });
    expect(second.count.calls).toBe(0);
  });

  it('[G6] before the call: no plugin is called', async () => {
    const { plugin, count } = counted();
    const call = request([plugin]).invoke(hook, payload, { signal: AbortSignal.abort() });
    await expect(call).rejects.toMatchObject({ code: 'SALLY_CALL_CANCELLED' });
    expect(count.calls).toBe(0);
  });

  it('[G6] within a hook that answers all the same', async () => {
    const control = new AbortController();
    const plugin: PluginHandle = {
      ...handle(),
      invoke(_hook, _payload, context) {
        control.abort();
        return { result: { continue_processing: true }, context };
      },
    };
    const call = request([plugin]).invoke(hook, payload, { signal: control.signal });
    await expect(call).rejects.toMatchObject({ code: 'SALLY_CALL_CANCELLED' });
  });

  it('a signal that outlives its calls keeps no listener of theirs', async () => {
    const control = new AbortController();
    const during: number[] = [];
    const plugin = handle({}, async () => {
      await new Promise(setImmediate);
      during.push(getEventListeners(control.signal, 'abort').length);
      return undefined;
    });
    const one = request([plugin]);
    for (let i = 0; i < 3; i += 1) await one.invoke(hook, payload, { signal: control.signal });
    await new Promise(setImmediate);
    expect(during).toEqual([1, 1, 1]);
    expect(getEventListeners(control.signal, 'abort')).toEqual([]);
  });
});

describe('fire_and_forget', () => {
  it('[G6] is not waited for, and outlives the request of which it is a part', async () => {
    const control = new AbortController();
    const answer = deferred<undefined>();
    let signal: AbortSignal | undefined;
    const plugin = handle({ mode: 'fire_and_forget' }, (_payload, _context, given) => {
      signal = given;
      return answer.promise;
    });
    await request([plugin]).invoke(hook, payload, { signal: control.signal });
    control.abort();
    expect(signal?.aborted).toBe(false);
    answer.resolve(undefined);
  });

  it('[G6] that fails is logged, and nothing more', async () => {
    const logged = deferred<void>();
    const { log, lines } = keptLog();
    const watched = {
      ...log,
      warn: (fields: object, message: string) => {
        log.warn(fields, message);
        logged.resolve();
      },
    };
    const plugin = handle({ mode: 'fire_and_forget' }, () => Promise.reject(new TypeError('boom')));
    const result = await request([plugin], { log: watched }).invoke(hook, payload);
    expect(result.continue_processing).toBe(true);
    await logged.promise;
    expect(lines).toMatchObject([{ level: 'warn', fields: { code: 'SALLY_INTERNAL' } }]);
  });
});
