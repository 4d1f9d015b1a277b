import { describe, expect, it } from 'vitest';
import type { PluginContext } from '../../src/hooks/index.js';
import { handle, request } from './handles.js';

const pre = 'tool_pre_invoke';
const post = 'tool_post_invoke';
const payload = { name: 'search' };

/** A plugin that counts its calls in its own state, and what it was given. */
function counter(fields: Parameters<typeof handle>[0] = {}) {
  const seen: PluginContext[] = [];
  const plugin = handle(fields, (_payload, context) => {
    seen.push(structuredClone(context));
    context.state['calls'] = Number(context.state['calls'] ?? 0) + 1;
    context.metadata['calls'] = context.state['calls'];
    return undefined;
  });
  return { plugin, seen };
}

describe("a plugin's own state", () => {
  it('[G6] lives from its pre-hook to its post-hook of the same request', async () => {
    const { plugin, seen } = counter();
    const one = request([plugin]);
    await one.invoke(pre, payload);
    await one.invoke(post, payload);
    expect(seen.map(({ state, metadata }) => [state, metadata])).toEqual([
      [{}, {}],
      [{ calls: 1 }, { calls: 1 }],
    ]);
  });

  it('[G6] is not seen by another request', async () => {
    const { plugin, seen } = counter();
    await request([plugin]).invoke(pre, payload);
    await request([plugin]).invoke(post, payload);
    expect(seen.map(({ state }) => state)).toEqual([{}, {}]);
  });

  it('[G6] is not seen by another plugin', async () => {
    const [first, second] = [counter({ name: 'A', priority: 1 }), counter({ name: 'B', priority: 2 })];
    await request([first.plugin, second.plugin]).invoke(pre, payload);
    expect(second.seen[0]?.state).toEqual({});
  });

  it('[G6] stays as it was where the plugin fails', async () => {
    const states: unknown[] = [];
    const plugin = handle({ mode: 'permissive' }, (_payload, context) => {
      states.push(structuredClone(context.state));
      context.state['calls'] = states.length;
      if (states.length === 2) throw new TypeError('boom');
      return undefined;
    });
    const one = request([plugin]);
    for (const hook of [pre, post, post]) await one.invokeForeign(hook, payload);
    expect(states).toEqual([{}, { calls: 1 }, { calls: 1 }]);
  });
});

describe('the global context', () => {
  it('[G6] state and metadata flow from plugin to plugin and from hook to hook', async () => {
    const writer = handle({ priority: 1 }, (_payload, { global_context }) => {
      global_context.state['user'] = 'ada';
      global_context.metadata['checked'] = true;
      return undefined;
    });
    const { plugin, seen } = counter({ priority: 2 });
    const one = request([writer, plugin], { global: { state: { from: 'gateway' } } });
    await one.invoke(pre, payload);
    await one.invoke(post, payload);
    for (const { global_context } of seen) {
      expect(global_context.state).toEqual({ from: 'gateway', user: 'ada' });
      expect(global_context.metadata).toEqual({ checked: true });
    }
    expect(seen).toHaveLength(2);
  });

  it('[G6] has a key __proto__ like any other', async () => {
    const odd = () => JSON.parse('{"__proto__": {"admin": true}}') as Record<string, unknown>;
    const writer = handle({ priority: 1 }, (_payload, { global_context }) => {
      global_context.state = odd();
      return undefined;
    });
    const { plugin, seen } = counter({ priority: 2 });
    const one = request([writer, plugin]);
    await one.invoke(pre, payload);
    expect(JSON.stringify([one.global.state, seen[0]?.global_context.state])).toBe(
      JSON.stringify([odd(), odd()]),
    );
    expect('admin' in one.global.state).toBe(false);
  });

  it('[G6] holds the identity of the request, which a plugin cannot change', async () => {
    const forger = handle({ priority: 1 }, (_payload, { global_context }) => {
      global_context.user = 'root';
      global_context.request_id = 'other';
      return undefined;
    });
    const { plugin, seen } = counter({ priority: 2 });
    await request([forger, plugin], { global: { user: 'ada', tenant_id: 't' } }).invoke(pre, payload);
    expect(seen[0]?.global_context).toMatchObject({ request_id: 'request-1', user: 'ada', tenant_id: 't' });
  });

  it('is a copy of what the caller gave', async () => {
    const state = { count: { value: 0 } };
    const writer = handle({}, (_payload, { global_context }) => {
      global_context.state['count'] = { value: 1 };
      return undefined;
    });
    const one = request([writer], { global: { state } });
    await one.invoke(pre, payload);
    expect(one.global.state).toEqual({ count: { value: 1 } });
    expect(state).toEqual({ count: { value: 0 } });
  });

  it('keeps fields that are not known here', () => {
    const user_context = { roles: ['admin'] };
    expect(request([], { global: { user_context } }).global).toMatchObject({ user_context });
  });
});
