import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { commandPath } from '../../support/command.js';
import { callJson, hookCall, plainClient } from '../../support/mcp.js';
import { replaceBadWords, startPluginServer, writeConfig } from '../../support/plugin-server.js';
import { rawExchange, statuses } from '../../support/raw-http.js';

const misbehaving = resolve(import.meta.dirname, '../../support/plugins/misbehaving.mjs');

const secretive = {
  name: 'Secretive',
  kind: misbehaving,
  description: 'has secrets',
  mode: 'sequential',
  config: { url: 'https://example.org', api_key: 'k-123', nested: [{ password: 'p-123', name: 'visible' }] },
};

describe('the tools, as a client of the plain MCP SDK sees them', () => {
  it('[S1,S9] tools/list names them, and invoke_hook has no output schema', async () => {
    const server = await startPluginServer();
    const { tools } = await (await plainClient(server.url)).listTools();
    expect(tools.map((tool) => tool.name)).toEqual([
      'get_plugin_configs',
      'get_plugin_config',
      'invoke_hook',
      'invoke_hooks',
    ]);
    expect(tools[2]?.outputSchema).toBeUndefined();
    expect(tools[2]?.inputSchema.required).toEqual(['hook_type', 'plugin_name', 'payload', 'context']);
  });

  it('[S9] get_plugin_configs: a text item and a structured entry for each plugin', async () => {
    const server = await startPluginServer({ plugins: [replaceBadWords, secretive] });
    const client = await plainClient(server.url);
    const result = await client.callTool({ name: 'get_plugin_configs', arguments: {} });
    const texts = (result.content as { text: string }[]).map(
      (item) => JSON.parse(item.text) as { name: string },
    );
    expect(texts.map((config) => config.name)).toEqual(['ReplaceBadWordsPlugin', 'Secretive']);
    expect(result.structuredContent).toEqual({ result: texts });
  });

  it('[S9] get_plugin_config: defaults filled in, name without regard to case, {} for a plugin that is not there', async () => {
    const server = await startPluginServer();
    const client = await plainClient(server.url);
    expect(await callJson(client, 'get_plugin_config', { name: 'replacebadwordsplugin' })).toMatchObject({
      name: 'ReplaceBadWordsPlugin',
      kind: 'plugins.regex_filter.search_replace.SearchReplacePlugin',
      // Every hook that has texts.
      hooks: [
        'prompt_pre_fetch',
        'prompt_post_fetch',
        'tool_pre_invoke',
        'tool_post_invoke',
        'resource_pre_fetch',
        'resource_post_fetch',
        'agent_pre_invoke',
        'agent_post_invoke',
      ],
      mode: 'enforce',
      priority: 100,
      tags: [],
      conditions: [],
    });
    expect(await callJson(client, 'get_plugin_config', { name: 'Nobody' })).toEqual({});
  });

  it('[S9] get_plugin_config hides what looks like a secret, and reports a mode that old peers know', async () => {
    const server = await startPluginServer({ plugins: [secretive] });
    const config = await callJson(await plainClient(server.url), 'get_plugin_config', { name: 'Secretive' });
    expect(config).toMatchObject({
      mode: 'enforce',
      config: {
        url: 'https://example.org',
        api_key: '********',
        nested: [{ password: '********', name: 'visible' }],
      },
    });
  });

  it('[S9] invoke_hook: the result in the text, all four fields, no context where there is nothing in it', async () => {
    const server = await startPluginServer();
    const reply = await callJson(
      await plainClient(server.url),
      'invoke_hook',
      hookCall({ name: 't', args: { q: 'crap' } }),
    );
    expect(reply).toEqual({
      plugin_name: 'ReplaceBadWordsPlugin',
      result: {
        continue_processing: true,
        modified_payload: { name: 't', args: { q: 'crud' } },
        violation: null,
        metadata: {},
      },
    });
  });

  it('[S9] invoke_hook: nulls and unknown fields of a payload come back unharmed', async () => {
    const server = await startPluginServer({ plugins: [secretive] });
    const payload = {
      name: 't',
      args: { a: null, b: { c: null } },
      headers: null,
      tomorrow: [1, { x: null }],
    };
    const reply = await callJson(
      await plainClient(server.url),
      'invoke_hook',
      hookCall(payload, { plugin_name: 'SECRETIVE' }),
    );
    expect(reply['result']).toMatchObject({
      modified_payload: { ...payload, args: { ...payload.args, trail: ['Secretive'] } },
    });
  });

  it('[S9] invoke_hook: a violation, with its code and details', async () => {
    const server = await startPluginServer({ plugins: [secretive] });
    const reply = await callJson(
      await plainClient(server.url),
      'invoke_hook',
      hookCall({ name: 'block' }, { plugin_name: 'Secretive' }),
    );
    expect(reply['result']).toMatchObject({
      continue_processing: false,
      violation: {
        reason: 'No',
        description: 'not this one',
        code: 'NOT_THIS',
        details: { by: 'Secretive' },
        mcp_error_code: -32001,
      },
    });
  });

  it('[S9] invoke_hook: state and metadata go in and come back', async () => {
    const server = await startPluginServer({ plugins: [secretive] });
    const context = {
      state: { calls: 4 },
      global_context: { request_id: 'r', state: { other: 1 }, user: { id: 'u' } },
    };
    const reply = await callJson(
      await plainClient(server.url),
      'invoke_hook',
      hookCall({ name: 'count' }, { plugin_name: 'Secretive', context }),
    );
    expect(reply['context']).toEqual({
      state: { calls: 5 },
      metadata: { seen: true },
      global_context: { request_id: 'r', state: { other: 1, Secretive: 5 } },
    });
  });

  it('[S9] invoke_hook: a hook that the contract does not name is carried through', async () => {
    const server = await startPluginServer({ plugins: [secretive] });
    const call = hookCall({ x: 1 }, { plugin_name: 'Secretive', hook_type: 'a_hook_of_tomorrow' });
    expect((await callJson(await plainClient(server.url), 'invoke_hook', call))['result']).toMatchObject({
      modified_payload: { x: 1, seen: true },
    });
  });

  it('[S9] invoke_hook: an unknown plugin is an error in the text, with isError false', async () => {
    const server = await startPluginServer();
    const client = await plainClient(server.url);
    const result = await client.callTool({
      name: 'invoke_hook',
      arguments: { ...hookCall({ name: 't' }, { plugin_name: 'Nobody' }) },
    });
    expect(result.isError ?? false).toBe(false);
    const reply = JSON.parse((result.content as { text: string }[])[0]?.text ?? '') as object;
    expect(reply).toMatchObject({
      plugin_name: 'Nobody',
      error: { code: 'SALLY_PLUGIN_NOT_FOUND', details: {}, mcp_error_code: -32602 },
    });
  });

  it('[S9] arguments that are not of the contract are a protocol error that says which', async () => {
    const server = await startPluginServer();
    const client = await plainClient(server.url);
    await expect(
      client.callTool({ name: 'invoke_hook', arguments: { hook_type: 'x', payload: {} } }),
    ).rejects.toThrow(/plugin_name.*context/s);
    await expect(client.callTool({ name: 'no_such_tool', arguments: {} })).rejects.toThrow(/no_such_tool/);
  });
});

describe('Streamable HTTP without TLS', () => {
  const body = (method: string, params: object = {}) =>
    JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
  const json = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

  it('[S9] GET and DELETE are 405, an unknown session is 404, another path 404', async () => {
    const { url } = await startPluginServer({ tls: null });
    expect((await fetch(url)).status).toBe(405);
    expect((await fetch(url, { method: 'DELETE' })).status).toBe(405);
    const headers = { ...json, 'mcp-session-id': 'of-another-server' };
    expect((await fetch(url, { method: 'POST', headers, body: body('tools/list') })).status).toBe(404);
    expect((await fetch(url.replace('/mcp', '/mpc'))).status).toBe(404);
  });

  it('[S9] notifications are answered 202', async () => {
    const { url } = await startPluginServer({ tls: null });
    const notification = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' });
    expect((await fetch(url, { method: 'POST', headers: json, body: notification })).status).toBe(202);
  });

  it('[S9] what begins a session and the calls of it are answered on one connection', async () => {
    const { port } = await startPluginServer({ tls: null });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    const headers = { ...json, 'mcp-protocol-version': '2025-11-25' };
    const send = async (message: object) => {
      const sent = request({ port, host: 'localhost', method: 'POST', path: '/mcp', agent, headers });
      sent.end(JSON.stringify({ jsonrpc: '2.0', ...message }));
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      const body = await text(response);
      return { status: response.statusCode, reused: sent.reusedSocket, body };
    };
    const clientInfo = { name: 'one', version: '1' };
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
    const said = [
      await send({ id: 1, method: 'initialize', params }),
      await send({ method: 'notifications/initialized' }),
      await send({ id: 2, method: 'tools/call', params: { name: 'get_plugin_configs', arguments: {} } }),
      await send({ id: 3, method: 'tools/list' }),
      await send({ id: 4, method: 'no/such' }),
      await send({ id: 5, method: 'tools/call', params: { name: 'get_plugin_configs', arguments: {} } }),
    ];
    expect(said.map(({ status, reused }) => [status, reused])).toEqual([
      [200, false],
      [202, true],
      ...Array(4).fill([200, true]),
    ]);
    expect(said[3]?.body).toContain('invoke_hook');
    expect(said[4]?.body).toContain('-32601');
    expect(said[5]?.body).toContain('"id":5');
  });

  it('[S9] a foreign Host or Origin is refused: DNS rebinding', async () => {
    const { url, port } = await startPluginServer({ tls: null });
    const undici = await import('undici');
    const call = (headers: Record<string, string>) =>
      undici.request(url, { method: 'POST', headers: { ...json, ...headers }, body: body('tools/list') });
    expect((await call({ host: 'evil.example' })).statusCode).toBe(421);
    expect((await call({ origin: 'https://evil.example' })).statusCode).toBe(403);
    expect((await call({ host: `127.0.0.1:${port}` })).statusCode).toBe(200);
  });

  it('[S9] nor on any other page, of the plain health port too; /health answers everybody', async () => {
    const undici = await import('undici');
    const plain = await startPluginServer({ tls: null });
    const secure = await startPluginServer();
    const ask = async (url: string, headers: Record<string, string>) => {
      const { statusCode, body } = await undici.request(url, { headers });
      await body.dump();
      return statusCode;
    };
    for (const base of [plain.url.replace('/mcp', ''), (secure.healthUrl ?? '').replace('/health', '')]) {
      for (const page of ['/metrics', '/elsewhere']) {
        expect(await ask(base + page, { host: 'evil.example' })).toBe(421);
        expect(await ask(base + page, { origin: 'https://evil.example' })).toBe(403);
        expect(await ask(base + page, {})).toBe(page === '/metrics' ? 200 : 404);
      }
      expect(await ask(`${base}/health`, { host: 'evil.example', origin: 'https://evil.example' })).toBe(200);
      for (const headers of [{ host: 'a b' }, { authorization: ['a', 'b'] as unknown as string }])
        expect(await ask(`${base}/metrics`, headers)).toBe(400);
    }
  });

  it('[S9] a whole URL as the target is taken, and its host judged in place of Host', async () => {
    const { port } = await startPluginServer({ tls: null });
    const text = body('tools/list');
    const call = async (target: string, host: string, version = '1.1') => {
      const headers = Object.entries({ ...json, Host: host, 'Content-Length': text.length });
      const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
      const head = `POST ${target} HTTP/${version}\r\n${lines}\r\n`;
      const last = 'GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
      // After the one request of HTTP/1.0 nothing may come.
      return statuses(await rawExchange(port, head + text + (version === '1.0' ? '' : last)));
    };
    expect(await call(`http://localhost:${port}/mcp`, 'evil.example')).toEqual([200, 200]);
    expect(await call('http://evil.example/mcp', 'localhost')).toEqual([421, 200]);
    expect(await call('/mcp', 'localhost', '1.0')).toEqual([200]);
  });

  it('[S9] a body that is too large is 413, and the server goes on', async () => {
    const { url } = await startPluginServer({ tls: null });
    const large = JSON.stringify({ x: 'x'.repeat(5_000_000) });
    const answer = await fetch(url, { method: 'POST', headers: json, body: large }).catch(() => undefined);
    expect(answer?.status ?? 413).toBe(413);
    expect((await fetch(url.replace('/mcp', '/health'))).status).toBe(200);
  });
});

it('[S5] with TLS, health is on the main port and in plain HTTP on its own; without TLS on the main port only', async () => {
  const secure = await startPluginServer();
  const answer = await fetch(secure.healthUrl ?? '');
  expect([answer.status, await answer.json()]).toEqual([200, { status: 'healthy' }]);
  expect((await fetch((secure.healthUrl ?? '').replace('health', 'mcp'))).status).toBe(404);
  const plain = await startPluginServer({ tls: null });
  expect(plain.healthUrl).toBeUndefined();
  expect(await (await fetch(plain.url.replace('/mcp', '/health'))).json()).toEqual({ status: 'healthy' });
});

it('[S5] the health port is the main port + 1000', async () => {
  // A port whose neighbour 1000 above is free too: try until both are.
  for (let attempt = 0; ; attempt += 1) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    try {
      const server = await startPluginServer({ port });
      expect(server.healthPort).toBe(port + 1000);
      expect((await fetch(`http://localhost:${port + 1000}/health`)).status).toBe(200);
      return;
    } catch (error) {
      if (attempt === 5) throw error;
    }
  }
});

it('[S1] PLUGINS_TRANSPORT=stdio serves the same tools over standard input and output, and nothing else on it', async () => {
  const path = await writeConfig({ plugins: [replaceBadWords] });
  const client = new Client({ name: 'plain', version: '1.0.0' });
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [commandPath, 'serve', '--config', path],
      env: { PLUGINS_TRANSPORT: 'stdio', PATH: process.env['PATH'] ?? '', LOG_LEVEL: 'DEBUG' },
      stderr: 'ignore',
    }),
  );
  onTestFinished(() => client.close());
  const reply = await callJson(client, 'invoke_hook', hookCall({ name: 't', args: { q: 'crap' } }));
  expect(reply['result']).toMatchObject({ modified_payload: { args: { q: 'crud' } } });
});
