import { describe, expect, it } from 'vitest';
import type { Condition } from '../../src/config/index.js';
import { type GlobalContext, globalContext } from '../../src/hooks/index.js';
import { conditionsMatch } from '../../src/manager/decide.js';

const search = { name: 'search', args: {} };

function matches(
  conditions: readonly Condition[],
  context: Partial<GlobalContext> = {},
  payload: unknown = search,
) {
  return conditionsMatch(conditions, 'tool_pre_invoke', payload, globalContext('1', context));
}

describe('conditions on the context', () => {
  it.each<[string, Condition, Partial<GlobalContext>, boolean]>([
    ['a server of the list', { server_ids: ['a', 'b'] }, { server_id: 'b' }, true],
    ['another server', { server_ids: ['a'] }, { server_id: 'b' }, false],
    ['no server known', { server_ids: ['a'] }, {}, false],
    ['a null server', { server_ids: ['a'] }, { server_id: null }, false],
    ['a tenant of the list', { tenant_ids: ['t'] }, { tenant_id: 't' }, true],
    ['another tenant', { tenant_ids: ['t'] }, { tenant_id: 'T' }, false],
    ['no tenant known', { tenant_ids: ['t'] }, {}, false],
    ['a part of the user', { user_patterns: ['@example.org'] }, { user: 'ada@example.org' }, true],
    ['one of several patterns', { user_patterns: ['bob', 'ada'] }, { user: 'ada' }, true],
    ['another user', { user_patterns: ['bob'] }, { user: 'ada' }, false],
    ['no user known', { user_patterns: ['bob'] }, {}, false],
    [
      'the e-mail of a user object',
      { user_patterns: ['ada@'] },
      { user: { email: 'ada@example.org' } },
      true,
    ],
    ['the name of a user object', { user_patterns: ['ada'] }, { user: { id: 7, name: 'ada' } }, true],
    ['a user object without names', { user_patterns: ['ada'] }, { user: { role: 'ada' } }, false],
    ['a media type', { content_types: ['application/json'] }, { content_type: 'application/json' }, true],
    [
      'a media type with parameters, in capitals',
      { content_types: ['application/json'] },
      { content_type: 'Application/JSON; charset=utf-8' },
      true,
    ],
    ['another media type', { content_types: ['text/plain'] }, { content_type: 'application/json' }, false],
    ['no media type known', { content_types: ['text/plain'] }, {}, false],
  ])('[G6] %s', (_title, condition, context, expected) => {
    expect(matches([condition], context)).toBe(expected);
  });
});

describe('conditions on the payload', () => {
  it.each<[string, string, Condition, object, boolean]>([
    ['tool_pre_invoke', 'a tool of the list', { tools: ['search'] }, { name: 'search' }, true],
    ['tool_post_invoke', 'another tool', { tools: ['search'] }, { name: 'delete' }, false],
    ['prompt_pre_fetch', 'a prompt of the list', { prompts: ['p'] }, { prompt_id: 'p' }, true],
    ['prompt_post_fetch', 'another prompt', { prompts: ['p'] }, { prompt_id: 'q' }, false],
    [
      'resource_pre_fetch',
      'a resource of the list',
      { resources: ['file:///a'] },
      { uri: 'file:///a' },
      true,
    ],
    ['resource_post_fetch', 'another resource', { resources: ['file:///a'] }, { uri: 'file:///b' }, false],
    ['tool_pre_invoke', 'a tool as clients see it', { tools: ['s__search'] }, { name: 'search' }, true],
    ['tool_post_invoke', 'the tool of another server', { tools: ['t__search'] }, { name: 'search' }, false],
    ['prompt_pre_fetch', 'a prompt as clients see it', { prompts: ['s__a__b'] }, { prompt_id: 'a__b' }, true],
    ['tool_pre_invoke', 'a pattern is a name', { tools: ['sea*'] }, { name: 'search' }, false],
    ['agent_pre_invoke', 'an agent of the list', { agents: ['a'] }, { agent_id: 'a' }, true],
    ['agent_post_invoke', 'another agent', { agents: ['a'] }, { agent_id: 'b' }, false],
    ['tool_pre_invoke', 'a payload without the field', { tools: ['search'] }, {}, false],
    ['tool_pre_invoke', 'a name that is no text', { tools: ['1'] }, { name: 1 }, false],
    ['prompt_pre_fetch', 'tools do not restrict prompts', { tools: ['search'] }, { prompt_id: 'p' }, true],
    ['http_pre_request', 'tools do not restrict requests', { tools: ['search'] }, { path: '/' }, true],
    [
      'their_own_hook',
      'tools do not restrict hooks unknown here',
      { tools: ['search'] },
      { name: 'x' },
      true,
    ],
  ])('[G6] %s: %s', (hook, _title, condition, payload, expected) => {
    expect(conditionsMatch([condition], hook, payload, globalContext('1', { server_id: 's' }))).toBe(
      expected,
    );
  });

  it.each([[null], [undefined], ['text'], [7], [[]]])('[G6] the payload %j has no tool name', (payload) => {
    expect(conditionsMatch([{ tools: ['search'] }], 'tool_pre_invoke', payload, globalContext('1'))).toBe(
      false,
    );
  });
});

describe('conditions together', () => {
  const here: Partial<GlobalContext> = { server_id: 's', tenant_id: 't' };

  it.each<[string, readonly Condition[], boolean]>([
    ['none', [], true],
    ['an empty one', [{}], true],
    ['one with an empty list', [{ tools: [] }], true],
    ['every field of one holds', [{ server_ids: ['s'], tenant_ids: ['t'], tools: ['search'] }], true],
    [
      'one field of one does not hold',
      [{ server_ids: ['s'], tenant_ids: ['other'], tools: ['search'] }],
      false,
    ],
    ['the second of two holds', [{ server_ids: ['other'] }, { tenant_ids: ['t'] }], true],
    ['neither of two holds', [{ server_ids: ['other'] }, { tenant_ids: ['other'] }], false],
    [
      'half of each',
      [
        { server_ids: ['s'], tools: ['x'] },
        { server_ids: ['x'], tools: ['search'] },
      ],
      false,
    ],
  ])('[G6] %s', (_title, conditions, expected) => {
    expect(matches(conditions, here)).toBe(expected);
  });
});
