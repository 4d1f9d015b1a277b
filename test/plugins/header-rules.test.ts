import { expect, it } from 'vitest';
import { aRequest, startFilter } from './run.js';

const who = () => aRequest({ user: { email: 'ada@example.org' }, tenant_id: 't', server_id: 's' });
const headersOf = (result: { modified_payload?: unknown }) =>
  (result.modified_payload as { headers: Record<string, string> } | null)?.headers;

it('sets, copies and removes headers of a call, in whatever case the client has written them', async () => {
  const filter = await startFilter('sallyport/header-rules', {
    set: { 'X-User': '{user} of {tenant} at {server} for {name}' },
    copy: { 'X-Team': 'x-client-team' },
    remove: ['COOKIE'],
  });
  const headers = {
    'X-CLIENT-TEAM': 'blue',
    Cookie: 'a=1',
    'x-user': 'forged',
    'x-team': 'forged',
    accept: '*/*',
  };
  const result = await filter.call('tool_pre_invoke', { name: 'search', args: {}, headers }, who());
  expect(headersOf(result)).toEqual({
    'X-CLIENT-TEAM': 'blue',
    accept: '*/*',
    'X-Team': 'blue',
    'X-User': 'ada@example.org of t at s for search',
  });
});

it('leaves out a header of which nothing is known, and one under its name that the client has sent', async () => {
  const filter = await startFilter('sallyport/header-rules', {
    set: { 'X-User': '{user}' },
    copy: { 'X-Team': 'x-none' },
  });
  const headers = { 'x-user': 'forged', 'x-team': 'forged' };
  expect(headersOf(await filter.call('tool_pre_invoke', { name: 't', headers }))).toEqual({});
});

it('is for the requests that are named', async () => {
  const filter = await startFilter('sallyport/header-rules', { set: { a: 'b' }, for: ['prompts'] });
  expect(headersOf(await filter.call('prompt_pre_fetch', { prompt_id: 'p' }))).toEqual({ a: 'b' });
  await expect(filter.call('tool_pre_invoke', { name: 't' })).rejects.toThrow(/tool_pre_invoke/);
});

it('changes the headers of answers', async () => {
  const filter = await startFilter('sallyport/header-rules', {
    response: { set: { 'X-Frame-Options': 'DENY' }, remove: ['server'] },
  });
  const payload = { path: '/mcp', method: 'POST', response_headers: { Server: 'x', date: 'now' } };
  const { modified_payload } = await filter.call('http_post_request', payload);
  expect(modified_payload).toEqual({ date: 'now', 'X-Frame-Options': 'DENY' });
});

it('takes the keys of ContextForge for resources alone', async () => {
  const kind = 'plugins.header_injector.header_injector.HeaderInjectorPlugin';
  const filter = await startFilter(kind, { headers: { 'User-Agent': 'mine' }, uri_prefixes: ['https://'] });
  const call = (uri: string) => filter.call('resource_pre_fetch', { uri, metadata: { headers: { b: 'c' } } });
  expect((await call('file:///a')).modified_payload).toBeNull();
  expect(await call('https://a')).toMatchObject({
    modified_payload: {
      headers: { 'User-Agent': 'mine' },
      metadata: { headers: { b: 'c', 'User-Agent': 'mine' } },
    },
    metadata: { headers_injected: true, count: 1 },
  });
});

it('has no header of a name that is none', async () => {
  await expect(startFilter('sallyport/header-rules', { set: { 'X Y': 'z' } })).rejects.toThrow(/set/);
});

it('takes headers with credentials out of what plugins see', async () => {
  const kind = 'plugins.header_filter.header_filter_plugin.HeaderFilter';
  const filter = await startFilter(kind, { allow_passthrough_headers: ['x-api-key'] });
  const headers = { AUTHORIZATION: 'a', 'X-API-Key': 'b', 'set-cookie': 'c', other: 'd' };
  for (const [hook, payload] of [
    ['tool_pre_invoke', { name: 't', headers }],
    ['agent_pre_invoke', { agent_id: 'a', headers }],
  ] as const)
    expect(headersOf(await filter.call(hook, payload))).toEqual({ 'X-API-Key': 'b', other: 'd' });
  expect(
    (await filter.call('tool_pre_invoke', { name: 't', headers: { other: 'd' } })).modified_payload,
  ).toBeNull();
});
