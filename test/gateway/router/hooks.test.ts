import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HookResult } from '../../../src/hooks/index.js';
import { block, modify, proceed } from '../../../src/plugin/index.js';
import { handle } from '../../manager/handles.js';
import { type Fixture, fixture, type Offered } from './fixture-upstream.js';
import { ask, client, managerOf, routerOver, textOf } from './world.js';

type Payload = Record<string, unknown>;

/** One upstream with a plugin for these hooks. */
async function guarded(
  hooks: readonly string[],
  behave: (payload: Payload, hook: string) => HookResult | undefined,
  offered: Offered = { tools: ['echo', 'structured', 'noisy'], prompts: ['p'], resources: ['file:///a'] },
  settings: Parameters<typeof fixture>[2] = {},
) {
  const seen: { payload: Payload; global: object }[] = [];
  const plugin = handle({ name: 'Guard', hooks }, (payload, context) => {
    seen.push({ payload: payload as Payload, global: context.global_context });
    return behave(payload as Payload, '');
  });
  const plugins = managerOf([plugin]);
  const one: Fixture = await fixture('legacy', offered, { name: 'files', ...settings });
  return { ...one, plugins, hooked: seen, router: routerOver([one.upstream], { plugins }) };
}

describe('[M8] the hooks of a tool call', () => {
  it('see the upstream’s own name, the arguments, the headers, and who calls', async () => {
    const identity = { user: 'ada', tenant: 't', method: 'bearer' } as const;
    const one = await guarded(['tool_pre_invoke', 'tool_post_invoke'], () => proceed(), undefined, {
      prefix: 'always',
    });
    const params = { name: 'files__echo', arguments: { q: 1 } };
    const more = { plugins: one.plugins, headers: { 'x-a': 'b' } };
    const { result, ...served } = await ask(
      one.router,
      client('legacy', { identity }),
      'tools/call',
      params,
      more,
    );
    expect(one.hooked.map(({ payload }) => payload)).toEqual([
      { name: 'echo', args: { q: 1 }, headers: { 'x-a': 'b' } },
      { name: 'echo', result },
    ]);
    expect(one.hooked[0]?.global).toMatchObject({ server_id: 'files', user: 'ada', tenant_id: 't' });
    expect(served).toMatchObject({ upstream: 'files', target: 'echo' });
    expect(served.plugins).toEqual([
      ['Guard', 'tool_pre_invoke', 'continue'],
      ['Guard', 'tool_post_invoke', 'continue'],
    ]);
  });

  it('see the user as an object where authentication has found one', async () => {
    const record = { email: 'ada@example.org', is_admin: false };
    const identity = { user: 'ada', tenant: null, method: 'plugin', record } as const;
    const one = await guarded(['tool_pre_invoke'], () => proceed());
    await ask(
      one.router,
      client('legacy', { identity }),
      'tools/call',
      { name: 'echo' },
      { plugins: one.plugins },
    );
    expect(one.hooked[0]?.global).toMatchObject({ user: record });
  });

  it('change the arguments that the upstream gets, and nothing else of the request', async () => {
    const one = await guarded(['tool_pre_invoke'], ({ headers, args, name }) =>
      modify({ headers, args: { z: 'new', ...(args as object), b: 'changed' }, name }),
    );
    const params = {
      name: 'echo',
      arguments: { b: 1, a: { y: 1.5, x: [null] } },
      _meta: { mine: 1 },
      extra: true,
    };
    const served = await ask(one.router, client('legacy'), 'tools/call', params, { plugins: one.plugins });
    expect(textOf(served)).toBe('{"b":"changed","a":{"y":1.5,"x":[null]},"z":"new"}');
    expect(one.seen[0]).toMatchObject({ name: 'echo', _meta: { mine: 1 } });
    expect(served.plugins).toMatchObject([[expect.anything(), expect.anything(), 'modified']]);
  });

  it('send headers of their own with the call, and none of the client’s', async () => {
    const one = await guarded(['tool_pre_invoke'], (payload) =>
      modify({
        ...payload,
        headers: { ...(payload['headers'] as object), 'X-Key': 'k', Host: 'evil', 'mcp-x': '1' },
      }),
    );
    const more = { plugins: one.plugins, headers: { 'x-client': 'c' } };
    await ask(one.router, client('legacy'), 'tools/call', { name: 'echo' }, more);
    const headers = new Headers(one.seen[0]?.['headers'] as Headers);
    expect(headers.get('x-key')).toBe('k');
    expect(headers.get('x-client')).toBeNull();
    expect(headers.get('mcp-x')).toBeNull();
    expect(headers.get('host')).toContain('localhost');
  });

  it('send the call to another tool of the same upstream, if it is offered', async () => {
    const offered = { tools: ['echo', 'structured', 'hidden'] };
    let to = 'structured';
    const one = await guarded(['tool_pre_invoke'], (payload) => modify({ ...payload, name: to }), offered, {
      exclude: ['hidden'],
    });
    const call = () =>
      ask(one.router, client('legacy'), 'tools/call', { name: 'echo' }, { plugins: one.plugins });
    expect((await call()).result).toHaveProperty('structuredContent');
    to = 'hidden';
    expect((await call()).error.data).toMatchObject({ code: 'SALLY_ROUTE_UNKNOWN' });
    expect(one.seen).toHaveLength(1);
  });

  it('change the result in its place, structured content too, and leave the rest byte for byte', async () => {
    const plain = await fixture('legacy', { tools: ['structured'] });
    const direct = await ask(routerOver([plain.upstream]), client('legacy'), 'tools/call', {
      name: 'structured',
    });
    const one = await guarded(['tool_post_invoke'], ({ result, ...payload }) =>
      modify({ ...payload, result: JSON.parse(JSON.stringify(result).replaceAll('"secret"}', '"***"}')) }),
    );
    const served = await ask(
      one.router,
      client('legacy'),
      'tools/call',
      { name: 'structured' },
      { plugins: one.plugins },
    );
    expect(JSON.stringify(served.result)).toBe(
      JSON.stringify(direct.result).replaceAll('"secret"}', '"***"}'),
    );
    expect(JSON.stringify(direct.result)).toContain('"none":null');
  });

  it('stop a call before the upstream hears of it, in the words of the contract', async () => {
    const one = await guarded(['tool_pre_invoke'], () =>
      block({
        reason: 'r',
        code: 'DENIED',
        description: 'not this',
        details: { a: 1 },
        mcp_error_code: -32077,
      }),
    );
    const served = await ask(
      one.router,
      client('legacy'),
      'tools/call',
      { name: 'echo' },
      { plugins: one.plugins },
    );
    expect(served.answer).toEqual({
      error: {
        code: -32077,
        message: 'Plugin Violation: not this',
        data: {
          description: 'not this',
          details: { a: 1 },
          plugin_error_code: 'DENIED',
          plugin_name: 'Guard',
        },
      },
    });
    expect(one.seen).toEqual([]);
    expect(served.plugins).toMatchObject([[expect.anything(), expect.anything(), 'blocked']]);
  });

  it('[M9] keep a result from the client that they block, and one that they fail on', async () => {
    for (const behave of [
      () => block({ reason: 'r', code: 'X' }),
      () => {
        throw new TypeError('boom');
      },
    ]) {
      const one = await guarded(['tool_post_invoke'], behave);
      const served = await ask(
        one.router,
        client('legacy'),
        'tools/call',
        { name: 'structured' },
        { plugins: one.plugins },
      );
      expect(served.answer).toHaveProperty('error');
      expect(JSON.stringify(served.answer)).not.toContain('secret');
    }
  });

  it('are observed, each plugin with what it decided', async () => {
    const named = (name: string, mode: 'enforce' | 'permissive', behave: () => HookResult | undefined) =>
      handle({ name, mode, hooks: ['tool_pre_invoke'] }, behave);
    const plugins = managerOf([
      named('A', 'permissive', () => block({ reason: 'r', code: 'X' })),
      named('B', 'enforce', () => proceed()),
      named('C', 'enforce', () => {
        throw new TypeError('boom');
      }),
    ]);
    const { upstream } = await fixture('legacy', { tools: ['echo'] });
    const router = routerOver([upstream], { plugins });
    const { plugins: ran, error } = await ask(
      router,
      client('legacy'),
      'tools/call',
      { name: 'echo' },
      { plugins },
    );
    expect(ran).toEqual([
      ['A', 'tool_pre_invoke', 'noted'],
      ['B', 'tool_pre_invoke', 'continue'],
      ['C', 'tool_pre_invoke', 'failed'],
    ]);
    expect(error.data).toMatchObject({ plugin_name: 'C' });
  });

  it('let through byte for byte what plugins answer unchanged, in whatever order they write it', async () => {
    const reversed = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(reversed);
      if (typeof value !== 'object' || value === null) return value;
      const entries = Object.entries(value).map(([key, inner]) => [key, reversed(inner)]);
      return Object.fromEntries(entries.reverse());
    };
    const one = await guarded(['tool_pre_invoke'], (payload) => modify(reversed(payload)));
    const args = fc.dictionary(
      fc.string().filter((key) => key !== '__proto__'),
      fc.jsonValue(),
    );
    const from = client('legacy');
    await fc.assert(
      fc.asyncProperty(args, async (value) => {
        const sent = JSON.stringify(value);
        const params = { name: 'echo', arguments: JSON.parse(sent) };
        expect(textOf(await ask(one.router, from, 'tools/call', params, { plugins: one.plugins }))).toBe(
          JSON.stringify(JSON.parse(sent)),
        );
      }),
      { numRuns: 50, examples: [[{ a: JSON.parse('[{"__proto__":{"b":1},"2":0,"1":null}]') }]] },
    );
  });

  it('are no work at all where no plugin listens', async () => {
    const one = await guarded(['agent_pre_invoke'], () => proceed());
    await ask(one.router, client('legacy'), 'tools/call', { name: 'echo' }, { plugins: one.plugins });
    expect(one.plugins.requests).toBe(0);
  });

  it('run where nobody knows yet what a plugin listens to', async () => {
    const calls: unknown[] = [];
    const plugins = managerOf([handle({ hooks: undefined }, (payload) => void calls.push(payload))]);
    const { upstream } = await fixture('legacy', { tools: ['echo'] });
    await ask(
      routerOver([upstream], { plugins }),
      client('legacy'),
      'tools/call',
      { name: 'echo' },
      { plugins },
    );
    expect(calls).toHaveLength(2);
  });
});

describe('[M8] the hooks of prompts and resources', () => {
  it('see and change the arguments and the result of a prompt', async () => {
    const one = await guarded(['prompt_pre_fetch', 'prompt_post_fetch'], (payload) => {
      const { result } = payload as { result?: { messages: { content: object }[] } };
      if (result === undefined) return modify({ ...payload, args: { who: 'Eve' } });
      // As a Python peer writes it: every field of the types, absent ones as null.
      const messages = result.messages.map((message) => ({
        ...message,
        content: { annotations: null, _meta: null, text: 'changed', type: 'text' },
      }));
      return modify({ ...payload, result: { messages, description: null } });
    });
    const params = { name: 'p', arguments: { who: 'Ada' } };
    const served = await ask(one.router, client('legacy'), 'prompts/get', params, { plugins: one.plugins });
    expect(one.seen).toMatchObject([{ name: 'p', arguments: { who: 'Eve' } }]);
    expect(one.hooked[0]?.payload).toEqual({ prompt_id: 'p', args: { who: 'Ada' } });
    expect(JSON.stringify(served.result['messages'])).toBe(
      '[{"role":"user","content":{"type":"text","text":"changed"}}]',
    );
  });

  it('see and change the URI of a resource, and each of its contents', async () => {
    const offered = { resources: ['file:///a', 'file:///b'] };
    const one = await guarded(
      ['resource_pre_fetch', 'resource_post_fetch'],
      (payload) => {
        const { content } = payload as { content?: { uri: string; text: string } };
        if (content === undefined) return modify({ ...payload, uri: 'file:///b' });
        return content.text === 'two'
          ? modify({ ...payload, content: { ...content, text: 'zwei' } })
          : undefined;
      },
      offered,
    );
    const served = await ask(
      one.router,
      client('legacy'),
      'resources/read',
      { uri: 'file:///a' },
      { plugins: one.plugins },
    );
    expect(one.hooked.map(({ payload }) => payload['uri'])).toEqual(['file:///a', 'file:///b', 'file:///b']);
    expect(JSON.stringify(served.result['contents'])).toBe(
      '[{"uri":"file:///b","text":"one of file:///b"},{"uri":"file:///b#2","text":"zwei"}]',
    );
  });

  it('hold back a resource of which they block one content', async () => {
    const one = await guarded(['resource_post_fetch'], ({ content }) =>
      (content as { text: string }).text === 'two' ? block({ reason: 'r', code: 'X' }) : undefined,
    );
    const served = await ask(
      one.router,
      client('legacy'),
      'resources/read',
      { uri: 'file:///a' },
      { plugins: one.plugins },
    );
    expect(served.error.message).toBe('Plugin Violation: r');
    expect(JSON.stringify(served.answer)).not.toContain('one of');
  });
});
