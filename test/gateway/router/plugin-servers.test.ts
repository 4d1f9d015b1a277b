import { expect, it } from 'vitest';
import { openGateway } from '../../support/gateway.js';
import { startPluginServer } from '../../support/plugin-server.js';
import { fixture } from './fixture-upstream.js';
import { ask, client, routerOver, textOf } from './world.js';

const hooks = ['tool_pre_invoke', 'tool_post_invoke', 'prompt_pre_fetch', 'prompt_post_fetch'];
const words = {
  name: 'ReplaceBadWordsPlugin',
  kind: 'plugins.regex_filter.search_replace.SearchReplacePlugin',
  hooks,
  config: {
    words: [
      { search: 'crap', replace: 'crud' },
      { search: 'secret', replace: '***' },
    ],
  },
};
const misbehaving = {
  name: 'ReplaceBadWordsPlugin',
  kind: new URL('../../support/plugins/misbehaving.mjs', import.meta.url).pathname,
};

it('has a plugin behind mutual TLS change arguments, results and prompts', async () => {
  const server = await startPluginServer({ plugins: [words] });
  const plugins = await openGateway({ url: server.url });
  const { upstream, seen } = await fixture('legacy', { tools: ['echo', 'structured'], prompts: ['p'] });
  const router = routerOver([upstream], { plugins });
  const from = client('legacy');
  const params = { name: 'echo', arguments: { z: 'what a crap day', a: [1, { b: null }] } };
  const called = await ask(router, from, 'tools/call', params, { plugins });
  expect(seen[0]?.['arguments']).toEqual({ z: 'what a crud day', a: [1, { b: null }] });
  expect(textOf(called)).toBe('{"z":"what a crud day","a":[1,{"b":null}]}');
  expect(called.plugins).toMatchObject([
    ['ReplaceBadWordsPlugin', 'tool_pre_invoke', 'modified'],
    ['ReplaceBadWordsPlugin', 'tool_post_invoke', expect.anything()],
  ]);
  const structured = await ask(router, from, 'tools/call', { name: 'structured' }, { plugins });
  expect(JSON.stringify(structured.result)).toBe(
    '{"content":[{"type":"text","text":"***"}],"structuredContent":{"z":1,"a":{"secret":"***","none":null}},"isError":false}',
  );
  const prompt = await ask(router, from, 'prompts/get', { name: 'p', arguments: { q: 'crap' } }, { plugins });
  expect(textOf(prompt)).toBe('{"q":"crud"}');
});

it('has a plugin behind mutual TLS block a call, in the words of the contract', async () => {
  const server = await startPluginServer({ plugins: [misbehaving] });
  const plugins = await openGateway({ url: server.url });
  const { upstream, seen } = await fixture('modern', { tools: ['block'] });
  const router = routerOver([upstream], { plugins });
  const served = await ask(router, client('modern'), 'tools/call', { name: 'block' }, { plugins });
  expect(served.error).toEqual({
    code: -32001,
    message: 'Plugin Violation: not this one',
    data: {
      description: 'not this one',
      details: { by: 'ReplaceBadWordsPlugin' },
      plugin_error_code: 'NOT_THIS',
      plugin_name: 'ReplaceBadWordsPlugin',
    },
  });
  expect(seen).toEqual([]);
});

it.each([
  ['enforce', false],
  ['enforce_ignore_error', true],
  ['permissive', true],
])('in mode %s, a call whose plugin server is killed meanwhile goes on: %s', async (mode, goesOn) => {
  const server = await startPluginServer({ plugins: [misbehaving] });
  const plugins = await openGateway({ url: server.url, entry: { mode } });
  const { upstream } = await fixture('legacy', { tools: ['hang'] });
  const router = routerOver([upstream], { plugins });
  const params = { name: 'hang', arguments: { x: 1 } };
  const call = ask(router, client('legacy'), 'tools/call', params, { plugins });
  await server.waitForLog(({ msg }) => msg.startsWith('begun: hang'));
  server.child.kill('SIGKILL');
  const served = await call;
  if (goesOn) expect(textOf(served)).toBe('{"x":1}');
  else {
    expect(served.error.code).toBe(-32603);
    expect(served.error.message).toMatch(/^Plugin Error: /);
    expect(served.error.data).toMatchObject({ plugin_name: 'ReplaceBadWordsPlugin', details: {} });
  }
});
