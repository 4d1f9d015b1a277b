import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commandPath, sallyport } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { plugin, startGateway } from '../../support/gateway-run.js';
import { serve } from '../../support/mcp-fixture.js';
import { clientTls, startPluginServer, writeConfig } from '../../support/plugin-server.js';

const numbers =
  '"big":12345678901234567890,"__proto__":{"admin":1.0},"price":1.0,"tiny":1e-05,"huge":1e400,"neg":-0,"list":[0.10,1E5,7]';
const structured = '"structuredContent":{"total":1.0,"ids":[9007199254740993,-0]';
const result = `{"content":[{"type":"text","text":"ok"}],${structured}},"score":1e-05,"_meta":{"took":2.50}}`;
const initialized =
  '{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"}}';

const json = (response: ServerResponse, text: string) =>
  void response.writeHead(200, { 'Content-Type': 'application/json' }).end(text);

/** An upstream that writes its answers by hand, as a stream where `events` come before; it keeps what it was sent. */
async function upstream(events: readonly string[] = []) {
  const bodies: string[] = [];
  const { url } = await serve((request, response) => {
    if (request.method !== 'POST') return void response.writeHead(405).end();
    const { id, method } = JSON.parse(request.text) as { id?: number; method: string };
    if (id === undefined) return void response.writeHead(202).end();
    if (method === 'initialize')
      return json(response, `{"jsonrpc":"2.0","id":${id},"result":${initialized}}`);
    if (method !== 'tools/call')
      return json(response, `{"jsonrpc":"2.0","id":${id},"error":{"code":-32601,"message":"no"}}`);
    bodies.push(request.text);
    const answer = `{"jsonrpc":"2.0","id":${id},"result":${result}}`;
    if (events.length === 0) return json(response, answer);
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    const token = /"progressToken":([^,}]+)/.exec(request.text)?.[1] ?? 'null';
    for (const event of events) response.write(`data: ${event.replace('TOKEN', token)}\n\n`);
    return void response.end(`data: ${answer}\n\n`);
  });
  return { settings: { url }, bodies };
}

const headers = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };
const envelope =
  '"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}';

/** One call as a client without a session writes it, and the text of the answer. */
async function call(url: string, id: string, args: string, meta = ''): Promise<string> {
  const body = `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"t","arguments":${args},"_meta":{${envelope}${meta}}}}`;
  const modern = { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': 't' };
  const reply = await fetch(url, { method: 'POST', headers: { ...headers, ...modern }, body });
  return reply.text();
}

const noter = (name: string) => plugin('noter.mjs', { name, mode: 'enforce' });
const external = (name: string, mcp: object) => ({ name, kind: 'external', mode: 'enforce', mcp });

async function overTls(names: readonly string[]) {
  const { url } = await startPluginServer({ plugins: names.map(noter) });
  return names.map((name) => external(name, { proto: 'STREAMABLEHTTP', url, tls: clientTls() }));
}
async function overSocket() {
  const uds = join(await temporaryFolder(), 'plugins.sock');
  await startPluginServer({ plugins: [noter('N')], tls: null, env: { PLUGINS_SERVER_UDS: uds } });
  return [external('N', { proto: 'STREAMABLEHTTP', uds })];
}
async function overStdio() {
  const cmd = [
    process.execPath,
    commandPath,
    'serve',
    '--config',
    await writeConfig({ plugins: [noter('N')] }),
  ];
  return [external('N', { proto: 'STDIO', cmd, env: { PLUGINS_TRANSPORT: 'stdio' } })];
}

const ways: Record<string, [names: readonly string[], plugins: () => Promise<readonly object[]>]> = {
  'no plugin': [[], async () => []],
  'a plugin in its process': [['N'], async () => [noter('N')]],
  'a plugin behind mutual TLS': [['N'], () => overTls(['N'])],
  'a plugin on a Unix socket': [['N'], overSocket],
  'a plugin over stdio': [['N'], overStdio],
  'several plugins of several kinds': [
    ['A', 'B', 'C', 'D'],
    async () =>
      [noter('A'), ...(await overTls(['B', 'C'])), noter('D')].map((one, i) => ({ ...one, priority: i })),
  ],
};

describe.each(Object.entries(ways))('numbers through a gateway with %s', (_, [names, plugins]) => {
  it('[M28] pass as they were written, in arguments, results and ids', async () => {
    const { settings, bodies } = await upstream();
    const { url } = await startGateway({
      plugins: await plugins(),
      gateway: { upstreams: { one: settings } },
    });
    for (const id of ['9007199254740993', '1.0', '-0', '"1.0"']) {
      const reply = await call(url, id, `{${numbers},"note":"x"}`, ',"odd":1.50');
      const said = names.map((name) => ` ${name} number number number`).join('');
      expect(bodies.at(-1)).toContain(`"arguments":{${numbers},"note":"x${said}"}`);
      expect(bodies.at(-1)).toContain('"odd":1.50');
      expect(reply).toContain(`"id":${id},`);
      const kept = names.length === 0 ? '' : ',"kept":12345678901234567890,"shared":1e400';
      expect(reply).toContain(`${structured}${kept}}`);
      expect(reply).toContain(`"text":"ok${names.map((name) => ` ${name}`).join('')}"`);
      expect(reply).toContain('"score":1e-05');
      expect(reply).toContain('"took":2.50');
    }
  });
});

/** What a server in Python writes, by hand: a plugin that answers `changed` to whatever it is given. */
async function python(changed: string) {
  const seen: string[] = [];
  const config = '{"name":"P","hooks":["tool_pre_invoke"],"mode":"enforce","priority":1.0}';
  const { url } = await serve((request, response) => {
    if (request.method !== 'POST') return void response.writeHead(405).end();
    const { id, method, params } = JSON.parse(request.text) as {
      id?: unknown;
      method: string;
      params: { name: string };
    };
    if (id === undefined) return void response.writeHead(202).end();
    const answer = (text: string) =>
      json(response, `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${text}}`);
    if (method === 'initialize') return answer(initialized);
    if (method !== 'tools/call')
      return json(
        response,
        `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"error":{"code":-32601,"message":"no"}}`,
      );
    if (params.name === 'invoke_hook') seen.push(request.text);
    const reply = `{"plugin_name":"P","result":{"continue_processing":true,"modified_payload":${changed},"violation":null,"metadata":{}}}`;
    return answer(
      `{"content":[{"type":"text","text":${JSON.stringify(params.name === 'invoke_hook' ? reply : config)}}]}`,
    );
  });
  return { entry: external('P', { proto: 'STREAMABLEHTTP', url }), seen };
}

it('what a plugin in Python writes reaches the upstream and the next plugin as it was written', async () => {
  const { entry, seen } = await python(
    '{"name":"t","args":{"a":1.0,"b":1e-05,"c":12345678901234567890,"d":0.1,"note":"p"}}',
  );
  const { settings, bodies } = await upstream();
  const entries = [
    { ...entry, priority: 1 },
    { ...noter('N'), priority: 2 },
  ];
  const { url } = await startGateway({ plugins: entries, gateway: { upstreams: { one: settings } } });
  await call(url, '1', '{"a":1,"b":2,"c":3,"d":0.10,"note":"x"}');
  expect(seen.at(-1)).toContain('"args":{"a":1,"b":2,"c":3,"d":0.10,"note":"x"}');
  // What was 1 is 1.0 where the plugin says so; 0.10 and 0.1 are one number, which it has left alone.
  expect(bodies.at(-1)).toContain(
    '"arguments":{"a":1.0,"b":1e-05,"c":12345678901234567890,"d":0.10,"note":"p N undefined undefined undefined"}',
  );
});

it('a verdict that says two things is none', async () => {
  const { entry } = await python('null},"result":{"continue_processing":false,"violation":null');
  const { settings, bodies } = await upstream();
  const { url } = await startGateway({ plugins: [entry], gateway: { upstreams: { one: settings } } });
  expect(await call(url, '1', '{"a":1}')).toContain('SALLY_JSON_DUPLICATE_KEY');
  expect(bodies).toEqual([]);
});

it('progress, and what comes over a session, is as it was written', async () => {
  const { settings, bodies } = await upstream([
    '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":TOKEN,"progress":1.0,"total":12345678901234567890}}',
  ]);
  const { url } = await startGateway({ gateway: { upstreams: { one: settings } } });
  const post = (body: string, more = {}) =>
    fetch(url, { method: 'POST', headers: { ...headers, ...more }, body });
  const opened = await post(
    '{"jsonrpc":"2.0","id":1.0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}',
  );
  expect(await opened.text()).toContain('"id":1.0,');
  const session = { 'Mcp-Session-Id': opened.headers.get('mcp-session-id') ?? '' };
  const reply = await post(
    `{"jsonrpc":"2.0","id":1e2,"method":"tools/call","params":{"name":"t","arguments":{${numbers}},"_meta":{"progressToken":9007199254740993}}}`,
    session,
  );
  const text = await reply.text();
  expect(bodies.at(-1)).toContain(`"arguments":{${numbers}}`);
  expect(text).toContain('"progress":1.0');
  expect(text).toContain('"total":12345678901234567890');
  expect(text).toContain('"progressToken":9007199254740993');
  expect(text).toContain('"id":1e2,');
  expect(text).toContain(`${structured}}`);
});

it('`sallyport invoke` prints what the plugin has made of the payload', async () => {
  const [entry] = await overTls(['N']);
  const config = await writeConfig({ plugins: [entry] });
  const payload = `{"name":"t","args":{${numbers},"note":"x"}}`;
  const { stdout } = await sallyport([
    'invoke',
    'tool_pre_invoke',
    '--config',
    config,
    '--plugin',
    'N',
    '--payload',
    payload,
    '--json',
  ]);
  expect(stdout).toContain(`"args":{${numbers},"note":"x N number number number"}`);
});

it('a plugin server gives back the id that it was given, whichever way the request takes', async () => {
  const { url } = await startPluginServer({ plugins: [noter('N')], tls: null });
  const post = async (method: string, id: string, params: string, more = {}) =>
    (
      await fetch(url, {
        method: 'POST',
        headers: { ...headers, ...more },
        body: `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${params}}`,
      })
    ).text();
  const args = `{"hook_type":"tool_pre_invoke","plugin_name":"N","payload":{"name":"t","args":{${numbers},"note":"x"}},"context":{"global_context":{"request_id":"1"}}}`;
  const revisions = [{ 'MCP-Protocol-Version': '2025-11-25' }, { 'MCP-Protocol-Version': '2025-03-26' }, {}];
  for (const more of revisions) {
    const reply = await post(
      'tools/call',
      '9007199254740993',
      `{"name":"invoke_hook","arguments":${args}}`,
      more,
    );
    expect(reply).toContain('"id":9007199254740993');
    const text = reply.replaceAll('\\"', '"');
    expect(text).toContain(`"args":{${numbers},"note":"x N number number number"}`);
    expect(text).toContain('"state":{"kept":12345678901234567890}');
    expect(await post('tools/list', '1.0', '{}', more)).toContain('"id":1.0');
  }
});
