import { describe, expect, it } from 'vitest';
import {
  GlobalContext,
  globalContext,
  HookResult,
  PluginContext,
  PluginErrorModel,
  problemsOf,
  Violation,
} from '../../src/hooks/index.js';

const violation = { reason: 'r', description: 'd', code: 'C' };

describe('a result', () => {
  it('[S9] of nothing goes on and changes nothing', () => {
    expect(HookResult.parse({})).toEqual({ continue_processing: true });
  });

  it('[S9] keeps what is not known here, in itself and in its violation', () => {
    const result = {
      continue_processing: false,
      modified_payload: null,
      violation: { ...violation, http_status_code: 429, http_headers: { 'retry-after': '1' }, retry: true },
      metadata: { a: 1 },
      background_tasks: [],
    };
    expect(HookResult.parse(result)).toEqual(result);
  });

  it.each([
    [{ continue_processing: 'yes' }],
    [{ violation: 'no' }],
    [{ violation: { reason: 'r' } }],
    [{ metadata: [] }],
    ['text'],
    [null],
  ])('[S9] is refused: %j', (value) => {
    expect(HookResult.safeParse(value).success).toBe(false);
  });
});

describe('a violation', () => {
  it('[S9] needs reason, description and code', () => {
    for (const field of Object.keys(violation)) {
      expect(Violation.safeParse({ ...violation, [field]: undefined }).success).toBe(false);
    }
    expect(Violation.parse({ ...violation, details: null, mcp_error_code: null })).toMatchObject(violation);
  });

  it('[S9] has a whole number as its error code', () => {
    expect(Violation.safeParse({ ...violation, mcp_error_code: -32_602.5 }).success).toBe(false);
    expect(Violation.safeParse({ ...violation, mcp_error_code: '-32602' }).success).toBe(false);
  });
});

describe('an error', () => {
  it('[S9] needs a message, and nothing else', () => {
    expect(PluginErrorModel.parse({ message: 'm' })).toEqual({ message: 'm' });
    expect(PluginErrorModel.safeParse({ code: 'C' }).success).toBe(false);
  });
});

describe('a context', () => {
  it('[S9] of the request id alone has empty state and metadata', () => {
    expect(PluginContext.parse({ global_context: { request_id: '1' } })).toEqual({
      state: {},
      metadata: {},
      global_context: { request_id: '1', state: {}, metadata: {} },
    });
  });

  it('[S9] may have null wherever a field is optional', () => {
    const global_context = {
      request_id: '1',
      user: null,
      tenant_id: null,
      server_id: null,
      content_type: null,
    };
    const parsed = PluginContext.parse({
      state: null,
      metadata: null,
      global_context: { ...global_context, state: null, metadata: null },
    });
    expect(parsed).toEqual({
      state: {},
      metadata: {},
      global_context: { ...global_context, state: {}, metadata: {} },
    });
  });

  it('[S9] takes a user as text and as an object, and keeps fields of newer peers', () => {
    const user = { email: 'ada@example.org', is_admin: false };
    const user_context = { teams: ['a'] };
    expect(GlobalContext.parse({ request_id: '1', user: 'ada' }).user).toBe('ada');
    expect(GlobalContext.parse({ request_id: '1', user, user_context })).toMatchObject({
      user,
      user_context,
    });
  });

  it.each([
    [{}],
    [{ global_context: {} }],
    [{ global_context: { request_id: 1 } }],
    [{ global_context: { request_id: '1', user: 7 } }],
    [{ global_context: { request_id: '1', state: [] } }],
    [{ state: 'text', global_context: { request_id: '1' } }],
  ])('[S9] is refused: %j', (value) => {
    expect(PluginContext.safeParse(value).success).toBe(false);
  });

  it('can be made of an id', () => {
    expect(globalContext('1')).toEqual({ request_id: '1', state: {}, metadata: {} });
    expect(globalContext('1', { request_id: '2', user: 'ada', state: { a: 1 } })).toEqual({
      request_id: '1',
      user: 'ada',
      state: { a: 1 },
      metadata: {},
    });
  });
});

describe('problems of a schema', () => {
  it('name the path and what was expected there', () => {
    const read = HookResult.safeParse({
      continue_processing: 1,
      violation: { reason: 'r', description: 'd' },
    });
    expect(problemsOf(read.error as NonNullable<typeof read.error>)).toEqual([
      'continue_processing: expected boolean, received number',
      'violation.code: expected string, received undefined',
    ]);
  });

  it('number the places of a list, and have no path at the top', () => {
    const list = GlobalContext.shape.state.safeParse([1]);
    expect(problemsOf(list.error as NonNullable<typeof list.error>)).toEqual([
      'expected record, received array',
    ]);
  });
});
