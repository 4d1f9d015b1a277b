import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SallyError } from '../../src/errors.js';
import { readInvokeArguments, readNameArgument, toolList, toolNames } from '../../src/wire/index.js';

const least = {
  hook_type: 'tool_pre_invoke',
  plugin_name: 'P',
  payload: { name: 't' },
  context: { global_context: { request_id: '1' } },
};

function refusal(read: () => unknown): SallyError {
  try {
    read();
  } catch (error) {
    if (error instanceof SallyError) return error;
    throw error;
  }
  return expect.unreachable('it was accepted');
}

describe('the arguments of invoke_hook', () => {
  it('[S9] as a client sends them that drops nulls', () => {
    expect(readInvokeArguments(least)).toEqual({
      ...least,
      context: { state: {}, metadata: {}, global_context: { request_id: '1', state: {}, metadata: {} } },
    });
  });

  it('[S9] as a client sends them that keeps nulls', () => {
    const global_context = { request_id: '1', user: null, tenant_id: null, server_id: null, state: null };
    const context = { state: null, metadata: null, global_context };
    expect(readInvokeArguments({ ...least, context }).context).toEqual({
      state: {},
      metadata: {},
      global_context: { ...global_context, state: {}, metadata: {} },
    });
  });

  it('[S9] nulls inside the payload stay', () => {
    const payload = { name: 't', args: { a: null }, headers: null };
    expect(readInvokeArguments({ ...least, payload }).payload).toEqual(payload);
  });

  it('[S9] with a user as an object, and fields of newer peers', () => {
    const user = { email: 'ada@example.org', teams: ['a'] };
    const global_context = { request_id: '1', user, user_context: { roles: [] }, content_type: 'text/plain' };
    const given = { ...least, extensions: {}, context: { global_context, trace: 'x' } };
    const read = readInvokeArguments(given);
    expect(read.context).toMatchObject({ global_context, trace: 'x' });
    expect(read).not.toHaveProperty('extensions');
  });

  it('[S9] of a hook that is not known here', () => {
    expect(readInvokeArguments({ ...least, hook_type: 'their_own_hook' }).hook_type).toBe('their_own_hook');
  });

  it.each<[string, unknown, RegExp]>([
    ['nothing', undefined, /hook_type: .*; plugin_name: .*; payload: .*; context: /],
    ['null', null, /hook_type: /],
    ['text', 'text', /expected object, received string/],
    ['a list', [], /expected object, received array/],
    ['no payload', { ...least, payload: undefined }, /payload: expected record/],
    ['a payload of text', { ...least, payload: '{}' }, /payload: expected record/],
    ['a payload that is a list', { ...least, payload: [] }, /payload: expected record/],
    ['no hook', { ...least, hook_type: '' }, /hook_type: /],
    [
      'a plugin name that is no text',
      { ...least, plugin_name: 7 },
      /plugin_name: expected string, received number/,
    ],
    ['no request id', { ...least, context: { global_context: {} } }, /context\.global_context\.request_id: /],
    ['no global context', { ...least, context: {} }, /context\.global_context: /],
    ['a state that is no object', { ...least, context: { ...least.context, state: 1 } }, /context\.state: /],
  ])('[S9] %s: refused', (_title, value, message) => {
    const error = refusal(() => readInvokeArguments(value));
    expect(error).toMatchObject({ code: 'SALLY_WIRE_ARGUMENTS', jsonRpcCode: -32602 });
    expect(error.message).toMatch(message);
  });

  it('[S9] whatever they are: read, or refused with SALLY_WIRE_ARGUMENTS', () => {
    const json = fc.jsonValue();
    const near = fc.record(
      {
        hook_type: fc.oneof(fc.string(), json),
        plugin_name: fc.oneof(fc.string(), json),
        payload: fc.oneof(fc.dictionary(fc.string(), json), json),
        context: fc.oneof(fc.constant(least.context), json),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.oneof(json, near), (value) => {
        let read: object;
        try {
          read = readInvokeArguments(value);
        } catch (error) {
          expect(error).toMatchObject({ name: 'SallyError', code: 'SALLY_WIRE_ARGUMENTS' });
          return;
        }
        expect(Object.keys(read).sort()).toEqual(['context', 'hook_type', 'payload', 'plugin_name']);
      }),
      { numRuns: 500 },
    );
  });

  it('[S9] the payload of a peer does not reach the prototype of anything', () => {
    const read = readInvokeArguments(
      JSON.parse(JSON.stringify(least).replace('"name":"t"', '"name":"t","__proto__":{"polluted":true}')),
    );
    expect((read.payload as { polluted?: unknown }).polluted).toBeUndefined();
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

describe('the argument of get_plugin_config', () => {
  it('[S9] is a name', () => {
    expect(readNameArgument({ name: 'P', extra: 1 })).toBe('P');
  });

  it.each([[undefined], [null], [{}], [{ name: null }], [{ name: 7 }], ['P']])(
    '[S9] %j: refused',
    (value) => {
      expect(refusal(() => readNameArgument(value))).toMatchObject({
        code: 'SALLY_WIRE_ARGUMENTS',
        message: expect.stringContaining('get_plugin_config'),
      });
    },
  );
});

describe('the tools', () => {
  it('[S9] are the three of the contract, and the one for chains', () => {
    expect(toolList.map(({ name }) => name)).toEqual([
      'get_plugin_configs',
      'get_plugin_config',
      'invoke_hook',
      'invoke_hooks',
    ]);
    expect(toolNames.invokeHook).toBe('invoke_hook');
  });

  it('[S9] invoke_hook requires its four arguments and declares no outputSchema', () => {
    const invoke = toolList.find(({ name }) => name === 'invoke_hook');
    expect(invoke?.inputSchema).toMatchObject({
      required: ['hook_type', 'plugin_name', 'payload', 'context'],
    });
    expect(invoke).not.toHaveProperty('outputSchema');
  });
});
