import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { temporaryFolder } from '../../support/folder.js';
import {
  gatewayCommand,
  legacyClient,
  modernClient,
  plugin,
  startGateway,
  stdioClient,
} from '../../support/gateway-run.js';
import { serve } from '../../support/mcp-fixture.js';
import { clientTls, startPluginServer } from '../../support/plugin-server.js';

const script = resolve(import.meta.dirname, '../../support/mcp-asking.mjs');
const asking = { command: process.execPath, args: [script] };
/** What stands in every text that clients may not read. */
const secrets = /hunter2|internal|localhost|127\.0\.0\.1|remedy/;

/** An upstream that answers a call with the error page of a proxy, once it has begun a stream where asked. */
async function errorPage(): Promise<string> {
  const { url } = await serve((request, response) => {
    if (request.method !== 'POST') return response.writeHead(405).end();
    const { id, method } = JSON.parse(request.text) as { id?: unknown; method: string };
    const json = (result: object) =>
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ jsonrpc: '2.0', id, result }));
    if (method === 'server/discover') return response.writeHead(404).end('Not found');
    if (id === undefined) return response.writeHead(202).end();
    if (method === 'initialize') {
      const capabilities = { tools: {} };
      return json({
        protocolVersion: '2025-11-25',
        capabilities,
        serverInfo: { name: 'page', version: '1' },
      });
    }
    if (method === 'tools/list') return json({ tools: [] });
    return response.writeHead(500, { 'content-type': 'text/html' }).end('<h1>hunter2 at db.internal</h1>');
  });
  return url;
}

async function gatewayFile(failures?: 'full') {
  const upstreams = {
    one: asking,
    page: { url: await errorPage() },
    refused: { url: 'http://127.0.0.1:9/hunter2/mcp' },
    broken: {
      command: process.execPath,
      args: ['-e', 'console.error("hunter2 at line 1"); process.exit(3)'],
    },
  };
  return {
    plugins: [plugin('leaky.mjs', { name: 'Leaky' })],
    gateway: { upstreams, ...(failures && { failures }) },
  };
}

interface Told {
  readonly code: number;
  readonly message: string;
  readonly data: Record<string, unknown>;
}
type Caller = { callTool(call: { name: string; arguments: object }): Promise<unknown> };

async function failureOf(client: Caller, name: string, args: object = {}): Promise<Told> {
  const told = await client.callTool({ name, arguments: args }).then(
    (result) => expect.unreachable(JSON.stringify(result)),
    (error: Told) => error,
  );
  const { code, message, data } = told as Told;
  return { code, message, data };
}

const failing = ['page__x', 'refused__x', 'broken__x'] as const;

describe.each([
  ['a session client', legacyClient],
  ['a stateless client', modernClient],
] as const)('%s', (_, connect) => {
  it('[M18] is told where a failure was, and the log has the rest under the same id', async () => {
    const gateway = await startGateway(await gatewayFile());
    const client = (await connect(gateway.url)) as unknown as Caller;
    for (const name of failing) {
      const told = await failureOf(client, name);
      expect(JSON.stringify(told)).not.toMatch(secrets);
      const upstream = name.replace('__x', '');
      expect(told.data).toEqual({
        code: expect.stringMatching(/^SALLY_UPSTREAM_/),
        upstream,
        request_id: expect.any(String),
      });
      const line = await gateway.waitForLog(
        (one) => one['request'] === told.data['request_id'] && one.msg.startsWith('a request failed'),
      );
      expect(line).toMatchObject({ level: 40, upstream, code: told.data['code'] });
      expect(JSON.stringify(line)).toMatch(secrets);
    }
    const thrown = await failureOf(client, 'one__pid', { plugin: 'throw' });
    expect(thrown.message).toMatch(/^(MCP error -32603: )?Plugin Error: plugin 'Leaky' failed/);
    expect(thrown.data).toEqual({
      details: {},
      plugin_error_code: 'SALLY_PLUGIN_ERROR',
      plugin_name: 'Leaky',
      request_id: expect.any(String),
    });
    expect(JSON.stringify(thrown)).not.toMatch(secrets);
    const line = await gateway.waitForLog(
      (one) => one['request'] === thrown.data['request_id'] && one['plugin'] === 'Leaky',
    );
    expect([line.level, line.msg]).toEqual([50, expect.stringContaining('hunter2')]);
    // The line of the access log has the same id.
    await gateway.waitForLog((one) => one['request'] === thrown.data['request_id'] && one.msg === 'request');
  });

  it('[M18] gets what plugins say in a violation, and what a server answers, as it is', async () => {
    const { url } = await startGateway(await gatewayFile());
    const client = (await connect(url)) as unknown as Caller;
    expect((await failureOf(client, 'one__pid', { plugin: 'block' })).data).toEqual({
      description: 'not this one',
      details: { rule: 'hunter2' },
      plugin_error_code: 'NO',
      plugin_name: 'Leaky',
    });
    expect((await failureOf(client, 'one__nothing')).message).toContain('is not a function');
    const unknown = await failureOf(client, 'nowhere');
    expect(unknown.data).toMatchObject({ code: 'SALLY_ROUTE_UNKNOWN', remedy: expect.any(String) });
  });

  it('[M18] is told in full where the setting says so, also after a reload', async () => {
    const file = await gatewayFile('full');
    const gateway = await startGateway(file);
    const client = (await connect(gateway.url)) as unknown as Caller;
    for (const name of failing) {
      const told = await failureOf(client, name);
      expect(JSON.stringify(told)).toMatch(secrets);
      expect(told.data['remedy']).toEqual(expect.any(String));
    }
    const { message, data } = await failureOf(client, 'one__pid', { plugin: 'throw' });
    expect(message).toContain(
      "Plugin Error: plugin 'Leaky' failed in tool_pre_invoke: no connection to postgres:",
    );
    expect(data).toEqual({ details: {}, plugin_error_code: 'SALLY_PLUGIN_ERROR', plugin_name: 'Leaky' });
    await gateway.reload({ ...file, gateway: { ...file.gateway, failures: 'brief' } });
    expect(JSON.stringify(await failureOf(client, 'refused__x'))).not.toMatch(secrets);
  });
});

describe('[M18] a failure', () => {
  it('of a plugin behind a plugin server is told by its name and code alone', async () => {
    const server = await startPluginServer({ plugins: [plugin('leaky.mjs', { name: 'Leaky' })] });
    const mcp = { proto: 'STREAMABLEHTTP', url: server.url, tls: clientTls() };
    const { url } = await startGateway({
      plugins: [{ name: 'Leaky', kind: 'external', mcp }],
      gateway: { upstreams: { one: asking } },
    });
    const told = await failureOf((await legacyClient(url)) as unknown as Caller, 'pid', { plugin: 'throw' });
    expect(told.data).toMatchObject({
      details: {},
      plugin_error_code: expect.any(String),
      plugin_name: 'Leaky',
    });
    expect(JSON.stringify(told)).not.toMatch(secrets);
  });

  it('in authentication says who failed, and nothing of what', async () => {
    const { url, waitForLog } = await startGateway(await gatewayFile());
    const reply = await fetch(url, { method: 'POST', headers: { 'x-fail': '1' } });
    const body = (await reply.json()) as Record<string, unknown>;
    expect(reply.status).toBe(503);
    expect(JSON.stringify(body)).not.toMatch(secrets);
    expect(body).toMatchObject({ code: 'SALLY_PLUGIN_ERROR', plugin_name: 'Leaky' });
    const line = await waitForLog(
      (one) => one['request'] === body['request_id'] && one['plugin'] === 'Leaky',
    );
    expect(line.msg).toContain('hunter2');
  });

  it('is told in brief over stdio too', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'gateway.yaml'), stringify(await gatewayFile()));
    const client = await stdioClient(gatewayCommand('--config', 'gateway.yaml', '--stdio'), folder);
    for (const name of failing) {
      const told = await failureOf(client as unknown as Caller, name);
      expect(told.data['request_id']).toEqual(expect.any(String));
      expect(JSON.stringify(told)).not.toMatch(secrets);
    }
  });
});
