import { createServer } from 'node:http';
import { fetch } from 'undici';
import { describe, expect, it } from 'vitest';
import { CancelSource } from '../../src/cancel.js';
import { globalContext } from '../../src/hooks/index.js';
import { silentLogger } from '../../src/log.js';
import { block, modify, proceed } from '../../src/plugin/index.js';
import { listening } from '../support/fast-path.js';
import { call, context, hook, withHooks } from './started.js';

describe('an answer', () => {
  const whole = { continue_processing: true, modified_payload: null, violation: null, metadata: {} };
  it.each([
    ['nothing', undefined, whole],
    ['proceed()', proceed({ a: 1 }), { ...whole, metadata: { a: 1 } }],
    ['modify()', modify({ name: 'n' }), { ...whole, modified_payload: { name: 'n' } }],
    [
      'block()',
      block({ reason: 'r', code: 'C' }),
      {
        continue_processing: false,
        modified_payload: null,
        violation: { reason: 'r', code: 'C', description: 'r', details: {} },
        metadata: {},
      },
    ],
  ])('[S9] may be %s, at once or later', async (_title, answer, result) => {
    for (const run of [() => answer, async () => answer]) {
      expect((await call(await withHooks({ tool_pre_invoke: run }))).result).toEqual(result);
    }
  });

  const circle: Record<string, unknown> = { name: 'c' };
  circle['args'] = { circle };
  it.each<[string, unknown, RegExp]>([
    ['null', null, /expected object, received null/],
    ['text', 'ok', /expected object, received string/],
    ['true', true, /expected object, received boolean/],
    ['a list', [], /expected object/],
    ['an object without continue_processing', { modified_payload: null }, /continue_processing is missing/],
    ['a continue_processing of text', { ...proceed(), continue_processing: 'no' }, /continue_processing: /],
    [
      'a violation without a code',
      { ...proceed(), violation: { reason: 'r', description: 'd' } },
      /violation\.code: /,
    ],
    ['a payload of another shape', modify({ args: {} }), /modified_payload\.name: /],
    ['a payload of text', modify('text'), /modified_payload/],
    ['a circle', modify(circle), /circular/],
    ['a BigInt', modify({ name: 'n', args: { big: 1n } }), /BigInt/],
  ])('[S9] of %s is the error of the plugin', async (_title, answer, reason) => {
    const plugin = await withHooks({ tool_pre_invoke: () => answer as never });
    await expect(call(plugin)).rejects.toMatchObject({
      code: 'SALLY_PLUGIN_RESULT',
      message: expect.stringMatching(reason),
    });
  });

  it.each([
    [
      'throws',
      () => {
        throw new TypeError('boom');
      },
    ],
    ['rejects', () => Promise.reject(new TypeError('boom'))],
  ])('[S9] a hook that %s is the error of the plugin', async (_title, run) => {
    await expect(call(await withHooks({ tool_pre_invoke: run }))).rejects.toMatchObject({
      code: 'SALLY_PLUGIN_ERROR',
      message: "plugin 'P' failed in tool_pre_invoke: boom",
      cause: expect.any(TypeError),
    });
  });

  it.each([['boom'], [undefined], [null], [7]])('[S9] a hook may throw %j', async (thrown) => {
    const run = () => {
      throw thrown;
    };
    await expect(call(await withHooks({ tool_pre_invoke: run }))).rejects.toMatchObject({
      code: 'SALLY_PLUGIN_ERROR',
      message: `plugin 'P' failed in tool_pre_invoke: ${thrown}`,
    });
  });
});

describe('what a hook is given', () => {
  it('[S9] a payload of the wrong shape does not reach it', async () => {
    let calls = 0;
    const plugin = await withHooks({
      tool_pre_invoke: () => {
        calls += 1;
        return undefined;
      },
    });
    await expect(call(plugin, { args: {} })).rejects.toMatchObject({
      code: 'SALLY_HOOK_PAYLOAD',
      message: 'the payload of tool_pre_invoke is not valid: name: expected string, received undefined',
    });
    expect(calls).toBe(0);
  });

  it('[S9] the payload is a copy: a change counts only where it is answered', async () => {
    const payload = { name: 't', args: { list: ['a'] } };
    const plugin = await withHooks({
      tool_pre_invoke: (given) => {
        const { list } = given.args as { list: string[] };
        list.push('b');
        return proceed();
      },
    });
    expect((await call(plugin, payload)).result.modified_payload).toBeNull();
    expect(payload).toEqual({ name: 't', args: { list: ['a'] } });
  });

  it('[S9] the context is a copy: what the hook leaves in it is the outcome', async () => {
    const given = { ...context(), state: { list: ['a'] } };
    const plugin = await withHooks({
      tool_pre_invoke: (_payload, own) => {
        (own.state['list'] as string[]).push('b');
        own.metadata['seen'] = true;
        own.global_context.state['user'] = 'ada';
        return undefined;
      },
    });
    const outcome = await call(plugin, undefined, hook, given);
    expect(outcome.context).toEqual({
      state: { list: ['a', 'b'] },
      metadata: { seen: true },
      global_context: globalContext('1', { state: { user: 'ada' } }),
    });
    expect(given).toEqual({ ...context(), state: { list: ['a'] } });
  });

  it('[S9] the signal and the log are those of the call', async () => {
    const source = new CancelSource();
    let seen: unknown;
    const plugin = await withHooks({
      tool_pre_invoke: (_payload, _context, { signal, log }) => {
        seen = { signal, log };
        return undefined;
      },
    });
    await plugin.invoke(hook, { name: 't' }, context(), { signal: source });
    expect(seen).toEqual({ signal: source.signal, log: silentLogger });
  });

  it('[S9] the signal can be given to a fetch', async () => {
    const server = createServer((_request, response) => response.writeHead(204).end());
    const url = `http://localhost:${await listening(server)}`;
    const plugin = await withHooks({
      tool_pre_invoke: async (_payload, _context, { signal }) => {
        const statuses = [
          (await fetch(url, { signal })).status,
          (await globalThis.fetch(url, { signal })).status,
        ];
        return proceed({ statuses });
      },
    });
    expect((await call(plugin)).result.metadata).toEqual({ statuses: [204, 204] });
    server.closeAllConnections();
  });
});
