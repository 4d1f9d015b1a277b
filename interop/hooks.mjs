/** A payload of each hook of the contract. */
export const payloads = {
  prompt_pre_fetch: { prompt_id: 'p-1', args: { topic: 'tea' } },
  prompt_post_fetch: {
    prompt_id: 'p-1',
    result: {
      messages: [{ role: 'user', content: { type: 'text', text: 'hello' } }],
      description: 'a greeting',
    },
  },
  tool_pre_invoke: {
    name: 'probe',
    args: { do: 'modify', deep: { list: [1, 2] } },
    headers: { 'x-request': 'one' },
  },
  tool_post_invoke: { name: 'probe', result: { content: [{ type: 'text', text: 'done' }], isError: false } },
  resource_pre_fetch: { uri: 'file:///notes.txt', metadata: { size: 3 } },
  resource_post_fetch: {
    uri: 'file:///notes.txt',
    content: { type: 'resource', uri: 'file:///notes.txt', text: 'abc' },
  },
  agent_pre_invoke: {
    agent_id: 'a-1',
    messages: [{ role: 'user', content: { type: 'text', text: 'hi' } }],
    tools: ['search'],
    headers: { 'x-request': 'one' },
    model: 'model-1',
    system_prompt: 'be brief',
    parameters: { temperature: 0.5 },
  },
  agent_post_invoke: {
    agent_id: 'a-1',
    messages: [{ role: 'assistant', content: { type: 'text', text: 'hi' } }],
    tool_calls: [{ name: 'search', arguments: { q: 'tea' } }],
  },
  http_pre_request: {
    path: '/tools',
    method: 'GET',
    client_host: 'client.example',
    client_port: 1234,
    headers: { accept: 'text/html' },
  },
  http_post_request: {
    path: '/tools',
    method: 'GET',
    client_host: 'client.example',
    client_port: 1234,
    headers: { accept: 'text/html' },
    response_headers: { server: 'test' },
    status_code: 200,
  },
  http_auth_resolve_user: {
    credentials: { scheme: 'Bearer', credentials: 'opaque' },
    headers: { accept: 'text/html' },
    client_host: 'client.example',
    client_port: 1234,
  },
  http_auth_check_permission: {
    user_email: 'ada@example.com',
    permission: 'tools.read',
    resource_type: 'tool',
    team_id: 'team-1',
    is_admin: false,
    auth_method: 'jwt',
    client_host: 'client.example',
    user_agent: 'test/1',
  },
};

const mark = 'marked';

/** What the probe makes of a payload of each hook: its answer as `modified_payload`. */
export const marks = {
  prompt_pre_fetch: (payload) => ({ ...payload, args: { ...payload.args, mark } }),
  prompt_post_fetch: (payload) => ({ ...payload, result: { ...payload.result, description: mark } }),
  tool_pre_invoke: (payload) => ({
    ...payload,
    args: { ...payload.args, added: { by: 'probe', none: null } },
  }),
  tool_post_invoke: (payload) => ({ ...payload, result: { ...payload.result, note: null, step: null } }),
  resource_pre_fetch: (payload) => ({ ...payload, metadata: { ...payload.metadata, mark } }),
  resource_post_fetch: (payload) => ({ ...payload, content: { ...payload.content, text: mark } }),
  agent_pre_invoke: (payload) => ({ ...payload, parameters: { ...payload.parameters, mark } }),
  agent_post_invoke: (payload) => ({
    ...payload,
    tool_calls: [...payload.tool_calls, { name: mark, arguments: {} }],
  }),
  http_pre_request: ({ headers }) => ({ ...headers, 'x-mark': mark }),
  http_post_request: ({ response_headers: headers }) => ({ ...headers, 'x-mark': mark }),
  http_auth_resolve_user: () => ({ email: 'ada@example.com', full_name: null, mark }),
  http_auth_check_permission: () => ({ granted: true, reason: mark }),
};
