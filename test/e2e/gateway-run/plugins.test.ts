import { request } from 'undici';
import { describe, expect, it } from 'vitest';
import {
  everything,
  firstText,
  legacyClient,
  modernClient,
  plugin,
  startGateway,
} from '../../support/gateway-run.js';
import { clientTls, startPluginServer } from '../../support/plugin-server.js';

/** A plugin server behind mutual TLS, and the entry of a gateway for it. */
async function rewriter(mode = 'enforce') {
  const server = await startPluginServer({ plugins: [plugin('rewriter.mjs', { name: 'Rewriter' })] });
  const mcp = { proto: 'STREAMABLEHTTP', url: server.url, tls: clientTls() };
  return { server, entry: { name: 'Rewriter', kind: 'external', mode, mcp } };
}

const upstreams = { one: everything };
const echo = (message: string) => ({ name: 'echo', arguments: { message } });

describe.each([
  ['a session client', legacyClient],
  ['a stateless client', modernClient],
] as const)('[M8] a plugin behind mutual TLS, seen by %s', (_, connect) => {
  it('changes arguments, results, prompts and resources', async () => {
    const { entry } = await rewriter();
    const { url } = await startGateway({ plugins: [entry], gateway: { upstreams } });
    const client = await connect(url);
    expect(firstText(await client.callTool(echo('hi')))).toBe('Echo: hi <pre post>');
    expect(firstText(await client.callTool(echo('who')))).toBe('Echo: [null,null,"one","echo"] <pre post>');
    const prompt = await client.getPrompt({ name: 'args-prompt', arguments: { city: 'Bern' } });
    expect(prompt.description).toBe('seen');
    expect(JSON.stringify(prompt.messages)).toContain('Bern!');
    const { resources } = await client.listResources();
    const uri = resources.map((one) => one.uri).find((one) => !one.endsWith('features.md')) ?? '';
    const { contents } = await client.readResource({ uri });
    expect(contents).toEqual([expect.objectContaining({ uri, text: 'redacted' })]);
  });

  it('blocks calls, results, prompts and resources, in its own words', async () => {
    const { entry } = await rewriter();
    const { url, waitForLog } = await startGateway({ plugins: [entry], gateway: { upstreams } });
    const client = await connect(url);
    const refusal = (description: string) =>
      expect.objectContaining({
        code: -32050,
        message: expect.stringContaining(`Plugin Violation: ${description}`),
        data: {
          description,
          details: { by: 'rewriter' },
          plugin_error_code: 'NO',
          plugin_name: 'Rewriter',
        },
      });
    await expect(client.callTool(echo('block'))).rejects.toEqual(refusal('not this message'));
    await expect(client.callTool(echo('secret'))).rejects.toEqual(refusal('not this result'));
    await expect(client.getPrompt({ name: 'args-prompt', arguments: { city: 'block' } })).rejects.toEqual(
      refusal('not this prompt'),
    );
    const { resources } = await client.listResources();
    const uri = resources.map((one) => one.uri).find((one) => one.endsWith('features.md')) ?? '';
    await expect(client.readResource({ uri })).rejects.toEqual(refusal('not this resource'));
    const line = await waitForLog(({ method, error }) => method === 'tools/call' && error === -32050);
    expect(line).toMatchObject({
      upstream: 'one',
      target: 'echo',
      outcome: 'error',
      plugins: [{ plugin: 'Rewriter', hook: 'tool_pre_invoke', decision: 'blocked', ms: expect.any(Number) }],
    });
    expect(JSON.stringify(line)).not.toContain('not this message');
  });
});

describe('a plugin server that is killed in the middle of calls', () => {
  it.each([
    ['enforce', { code: -32603, message: expect.stringContaining('Plugin Error: ') }],
    ['enforce_ignore_error', 'Echo: slow'],
    ['permissive', 'Echo: slow'],
  ])('under %s', async (mode, expected) => {
    const { server, entry } = await rewriter(mode);
    const { url } = await startGateway({ plugins: [entry], gateway: { upstreams } });
    const ready = async () => (await request(url.replace('/mcp', '/ready'))).statusCode;
    const client = await legacyClient(url);
    expect(firstText(await client.callTool(echo('hi')))).toBe('Echo: hi <pre post>');
    expect(await ready()).toBe(200);
    const calls = Array.from({ length: 4 }, () =>
      client
        .callTool(echo('slow'))
        .then(firstText, ({ code, message }: { code: number; message: string }) => ({
          code,
          message,
        })),
    );
    await server.waitForLog(() => true);
    // All four are at the plugin server once a fifth has come back from there.
    await client.callTool(echo('hi'));
    server.child.kill('SIGKILL');
    for (const outcome of await Promise.all(calls)) expect(outcome).toEqual(expected);
    expect(await ready()).toBe(mode === 'enforce' ? 503 : 200);
  });

  it('works again once it is back', async () => {
    const { server, entry } = await rewriter();
    const { url } = await startGateway({ plugins: [entry], gateway: { upstreams } });
    const client = await legacyClient(url);
    await server.stop();
    for (const message of ['hi', 'again'])
      await expect(client.callTool(echo(message))).rejects.toMatchObject({ code: -32603 });
    await startPluginServer({ plugins: [plugin('rewriter.mjs', { name: 'Rewriter' })], port: server.port });
    expect(firstText(await client.callTool(echo('hi')))).toBe('Echo: hi <pre post>');
  });

  it('does not keep a gateway from starting', async () => {
    const { server, entry: without } = await rewriter();
    const entry = { ...without, hooks: ['tool_pre_invoke'] };
    await server.stop();
    const { url, waitForLog } = await startGateway({ plugins: [entry], gateway: { upstreams } });
    expect(await waitForLog(({ part }) => part === 'plugin')).toMatchObject({
      name: 'Rewriter',
      state: 'unreachable',
      mode: 'enforce',
    });
    const client = await legacyClient(url);
    expect((await client.listTools()).tools.length).toBeGreaterThan(5);
    await expect(client.callTool(echo('hi'))).rejects.toMatchObject({ code: -32603 });
  });

  it('lets nobody in where nothing says which hooks it has: it may be the one that knows who may call', async () => {
    const { server, entry } = await rewriter();
    await server.stop();
    const { url } = await startGateway({ plugins: [entry], gateway: { upstreams } });
    await expect(legacyClient(url)).rejects.toThrow('SALLY_CONNECT_REFUSED');
    await startPluginServer({ plugins: [plugin('rewriter.mjs', { name: 'Rewriter' })], port: server.port });
    const client = await legacyClient(url);
    expect(firstText(await client.callTool(echo('hi')))).toBe('Echo: hi <pre post>');
  });
});

describe('plugins in the gateway itself', () => {
  it('[M8] see a prefixed tool by its own name, and their conditions do', async () => {
    const conditions = [{ server_ids: ['two'], tools: ['echo'] }];
    const { url } = await startGateway({
      plugins: [plugin('rewriter.mjs', { conditions })],
      gateway: { upstreams: { one: everything, two: everything } },
    });
    const client = await legacyClient(url);
    const call = async (name: string) => firstText(await client.callTool({ ...echo('who'), name }));
    expect(await call('one__echo')).toBe('Echo: who');
    expect(await call('two__echo')).toBe('Echo: [null,null,"two","echo"] <pre post>');
  });
});

describe('conditions of a plugin', () => {
  const rewriterFor = (...tools: string[]) =>
    plugin('rewriter.mjs', { name: 'Rewriter', conditions: [{ tools }] });

  it('[G6] may name a tool as clients see it', async () => {
    const both = { one: everything, two: everything };
    const { url } = await startGateway({ plugins: [rewriterFor('two__echo')], gateway: { upstreams: both } });
    const client = await legacyClient(url);
    const call = async (name: string) => firstText(await client.callTool({ ...echo('hi'), name }));
    expect(await call('two__echo')).toBe('Echo: hi <pre post>');
    expect(await call('one__echo')).toBe('Echo: hi');
  });

  it('[G6] that no call can meet are told at the start, with what was meant', async () => {
    const { waitForLog } = await startGateway({
      plugins: [rewriterFor('ehco', 'e*')],
      gateway: { upstreams },
    });
    const said = async (text: string) =>
      waitForLog(({ code, msg }) => code === 'SALLY_CONDITION_UNMATCHED' && msg.includes(text));
    expect(await said('ehco')).toMatchObject({ remedy: 'did you mean echo?' });
    expect(await said('e*')).toMatchObject({ remedy: expect.stringContaining('no patterns') });
  });
});
