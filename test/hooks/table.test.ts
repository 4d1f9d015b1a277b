import { describe, expect, it } from 'vitest';
import { type HookName, hookNames, hookRow, hookTable, nextPayload } from '../../src/hooks/index.js';

interface Case {
  readonly least: object;
  readonly full: object;
  /** The full payload with one field of a wrong type. */
  readonly wrong: readonly object[];
}

const headers = { accept: 'application/json' };
const request = {
  path: '/mcp',
  method: 'POST',
  client_host: '10.0.0.1',
  client_port: 40312,
  headers,
};

/** What the contract says of each hook's payload. */
const payloads: Record<HookName, Case> = {
  prompt_pre_fetch: {
    least: { prompt_id: 'p' },
    full: { prompt_id: 'p', args: { text: 'a' } },
    wrong: [{}, { prompt_id: 1 }, { prompt_id: 'p', args: { text: 1 } }, { prompt_id: 'p', args: ['a'] }],
  },
  prompt_post_fetch: {
    least: { prompt_id: 'p', result: {} },
    full: {
      prompt_id: 'p',
      result: { messages: [{ role: 'user', content: { type: 'text', text: 'a' } }], description: 'd' },
    },
    wrong: [
      { prompt_id: 'p' },
      { prompt_id: 'p', result: 'text' },
      { prompt_id: 'p', result: { messages: ['a'] } },
    ],
  },
  tool_pre_invoke: {
    least: { name: 't' },
    full: { name: 't', args: { deep: [{ a: null }] }, headers },
    wrong: [{}, { name: null }, { name: 't', args: [] }, { name: 't', headers: { accept: 1 } }],
  },
  tool_post_invoke: {
    least: { name: 't' },
    full: { name: 't', result: { content: [{ type: 'text', text: 'a' }] } },
    wrong: [{}, { name: 7, result: 'a' }],
  },
  resource_pre_fetch: {
    least: { uri: 'file:///a' },
    full: { uri: 'file:///a', metadata: { size: 1 } },
    wrong: [{}, { uri: 'file:///a', metadata: 'm' }],
  },
  resource_post_fetch: {
    least: { uri: 'file:///a' },
    full: { uri: 'file:///a', content: { type: 'resource', text: 'a' } },
    wrong: [{}, { uri: ['file:///a'], content: 'a' }],
  },
  agent_pre_invoke: {
    least: { agent_id: 'a' },
    full: {
      agent_id: 'a',
      messages: [{ role: 'user', content: 'a' }],
      tools: ['search'],
      headers,
      model: 'm',
      system_prompt: 's',
      parameters: { temperature: 0 },
    },
    wrong: [
      {},
      { agent_id: 'a', messages: {} },
      { agent_id: 'a', tools: 'search' },
      { agent_id: 'a', parameters: [] },
    ],
  },
  agent_post_invoke: {
    least: { agent_id: 'a' },
    full: { agent_id: 'a', messages: [{ role: 'assistant' }], tool_calls: [{ name: 't' }] },
    wrong: [{}, { agent_id: 'a', tool_calls: {} }],
  },
  http_pre_request: {
    least: { path: '/', method: 'GET' },
    full: request,
    wrong: [{ path: '/' }, { ...request, client_port: '40312' }, { ...request, headers: [] }],
  },
  http_post_request: {
    least: { path: '/', method: 'GET' },
    full: { ...request, response_headers: headers, status_code: 200 },
    wrong: [{ method: 'GET' }, { ...request, status_code: '200' }, { ...request, response_headers: 'a' }],
  },
  http_auth_resolve_user: {
    least: {},
    full: { credentials: { scheme: 'Bearer' }, headers, client_host: 'h', client_port: 1 },
    wrong: [{ credentials: 'Bearer' }, { client_port: 'one' }],
  },
  http_auth_check_permission: {
    least: { user_email: 'ada@example.org', permission: 'tools.read' },
    full: {
      user_email: 'ada@example.org',
      permission: 'tools.read',
      resource_type: 'tool',
      team_id: 't',
      is_admin: false,
      auth_method: 'jwt',
      client_host: 'h',
      user_agent: 'curl',
    },
    wrong: [{ user_email: 'ada@example.org' }, { user_email: 'a', permission: 'p', is_admin: 'no' }],
  },
};

it('[S9] the table has the twelve hooks of the contract', () => {
  expect([...hookNames].sort()).toEqual(Object.keys(payloads).sort());
  expect(hookNames).toHaveLength(12);
});

it.each(['toString', '__proto__', 'constructor', 'Tool_Pre_Invoke', '', 'their_own_hook'])(
  'has no row for %j',
  (hook) => {
    expect(hookRow(hook)).toBeUndefined();
  },
);

describe.each(hookNames.map((hook) => [hook, payloads[hook]] as const))('the payload of %s', (hook, row) => {
  const { payload } = hookTable[hook];

  it.each([
    ['with the least', row.least],
    ['with every field', row.full],
    ['with fields that are not known', { ...row.full, their_field: { deep: [1] } }],
  ])('[S9] %s is kept as it is', (_title, value) => {
    expect(payload.parse(value)).toEqual(value);
  });

  it('[S9] may have null for whatever may be left out', () => {
    const optional = Object.keys(row.full).filter((key) => !(key in row.least));
    const value = { ...row.least, ...Object.fromEntries(optional.map((key) => [key, null])) };
    expect(payload.parse(value)).toEqual(value);
  });

  it.each(row.wrong)('[S9] is refused: %j', (value) => {
    expect(payload.safeParse(value).success).toBe(false);
  });

  it.each([null, 'text', 7, []])('[S9] is an object, not %j', (value) => {
    expect(payload.safeParse(value).success).toBe(false);
  });
});

describe('what may be modified', () => {
  it.each(hookNames.filter((hook) => !hook.startsWith('http_')))('[S9] %s: the payload', (hook) => {
    expect(hookTable[hook].modified).toBe(hookTable[hook].payload);
  });

  it.each(['http_pre_request', 'http_post_request'] as const)('[S9] %s: a bare map of headers', (hook) => {
    expect(hookTable[hook].modified.parse({ 'x-trace': '1' })).toEqual({ 'x-trace': '1' });
    expect(hookTable[hook].modified.safeParse({ headers: { 'x-trace': '1' } }).success).toBe(false);
  });

  it('[S9] http_auth_resolve_user: the user, as a free-form object', () => {
    const { modified } = hookTable.http_auth_resolve_user;
    expect(modified.parse({ email: 'ada@example.org', teams: [] })).toEqual({
      email: 'ada@example.org',
      teams: [],
    });
    expect(modified.safeParse('ada').success).toBe(false);
  });

  it('[S9] http_auth_check_permission: granted, with a reason', () => {
    const { modified } = hookTable.http_auth_check_permission;
    expect(modified.parse({ granted: false, reason: 'r' })).toEqual({ granted: false, reason: 'r' });
    expect(modified.safeParse({ reason: 'r' }).success).toBe(false);
    expect(modified.safeParse({ granted: 'yes' }).success).toBe(false);
  });
});

describe('what the next plugin is given', () => {
  const payload = { path: '/', method: 'GET', headers: { a: '1' } };
  const modified = { b: '2' };

  it.each<[string, unknown]>([
    ['tool_pre_invoke', modified],
    ['prompt_post_fetch', modified],
    ['their_own_hook', modified],
    ['http_pre_request', { ...payload, headers: modified }],
    ['http_post_request', { ...payload, response_headers: modified }],
    ['http_auth_resolve_user', payload],
    ['http_auth_check_permission', payload],
  ])('[S9] %s', (hook, next) => {
    expect(nextPayload(hook, payload, modified)).toEqual(next);
  });
});
