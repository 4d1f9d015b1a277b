import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { sallyport } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import {
  everything,
  firstText,
  gatewayCommand,
  legacyClient,
  modernClient,
  startGateway,
  stdioClient,
} from '../../support/gateway-run.js';

const servers = {
  talk: { tools: [{ name: 'echo', as: 'say' }] },
  sums: { tools: ['get-sum'] },
};
const upstreams = { one: everything };
const at = (url: string, path: string) => url.replace(/\/mcp$/, path);

const initialize = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
};
const post = (url: string, message: object, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: JSON.stringify(message),
  });

/** Opens a session by hand, and gives its id. */
async function session(url: string, headers: Record<string, string> = {}): Promise<string> {
  const reply = await post(url, initialize, headers);
  expect(reply.status).toBe(200);
  await reply.text();
  return reply.headers.get('mcp-session-id') ?? '';
}

const list = { jsonrpc: '2.0', id: 2, method: 'tools/list', params: {} };
const names = (reply: { result: { tools: { name: string }[] } }) =>
  reply.result.tools.map(({ name }) => name);

async function sseClient(url: string): Promise<Client> {
  const client = new Client({ name: 'old', version: '1.0.0' });
  await client.connect(new SSEClientTransport(new URL(url)) as never);
  onTestFinished(() => client.close().catch(() => {}));
  return client;
}

describe('a session', () => {
  it.each([['1'], ['2']])(
    'is of the server where it was opened, and of no other, with %s processes',
    async (workers) => {
      const gateway = await startGateway(
        { gateway: { upstreams, servers } },
        { args: ['--workers', workers] },
      );
      const talk = at(gateway.url, '/servers/talk/mcp');
      const sums = at(gateway.url, '/servers/sums/mcp');
      const id = await session(talk);
      const own = { 'mcp-session-id': id };
      // Each is a connection of its own, at whichever process.
      for (let i = 0; i < 6; i += 1) {
        const reply = await post(talk, list, { ...own, connection: 'close' });
        expect(reply.status).toBe(200);
        expect(names(await jsonOf(reply))).toEqual(['say']);
        for (const other of [sums, gateway.url]) {
          const refused = await post(other, list, { ...own, connection: 'close' });
          expect(refused.status).toBe(404);
          expect(await refused.json()).toMatchObject({ error: { message: 'Session not found' } });
          const ended = await fetch(other, { method: 'DELETE', headers: own });
          expect(ended.status).toBe(404);
        }
      }
      const everywhere = await session(gateway.url);
      expect((await post(talk, list, { 'mcp-session-id': everywhere })).status).toBe(404);
    },
  );

  it('over HTTP+SSE is of its server too', async () => {
    const gateway = await startGateway({ gateway: { upstreams, servers, sse: true } });
    const client = await sseClient(at(gateway.url, '/servers/talk/sse'));
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['say']);
    expect(firstText(await client.callTool({ name: 'say', arguments: { message: 'hi' } }))).toBe('Echo: hi');
    const stream = httpRequest(at(gateway.url, '/servers/talk/sse'), {
      headers: { accept: 'text/event-stream' },
    });
    stream.on('error', () => {}).end();
    onTestFinished(() => void stream.destroy());
    const [response] = (await once(stream, 'response')) as [import('node:http').IncomingMessage];
    const [first] = (await once(response, 'data')) as [Buffer];
    const path = /data: (.*)\n/.exec(String(first))?.[1] ?? '';
    expect(path).toMatch(/^\/servers\/talk\/messages\?sessionId=/);
    const own = new URL(path, gateway.url).href;
    for (const other of ['/messages', '/servers/sums/messages'])
      expect((await post(own.replace('/servers/talk/messages', other), initialize)).status).toBe(404);
    expect((await post(own, initialize)).status).toBe(202);
  });
});

async function jsonOf(reply: Response) {
  const text = await reply.text();
  return JSON.parse(text.startsWith('{') ? text : (/^data: (\{.*)$/m.exec(text)?.[1] ?? 'null'));
}

describe('whoever is bound to virtual servers', () => {
  it('by a token gets nowhere else', async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'tokens.json');
    const create = async (...more: string[]) =>
      (await sallyport(['token', 'create', '--file', file, '--user', 'ada', ...more])).stdout.trim();
    const bound = await create('--server', 'talk');
    const free = await create();
    const auth = { kind: 'bearer', tokens_file: file };
    const gateway = await startGateway({ gateway: { upstreams, servers, auth } });
    const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
    const talk = at(gateway.url, '/servers/talk/mcp');
    const sums = at(gateway.url, '/servers/sums/mcp');
    const client = await modernClient(talk, { token: bound });
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['say']);
    for (const other of [sums, gateway.url]) {
      const refused = await post(other, initialize, bearer(bound));
      expect(refused.status).toBe(403);
      expect(await refused.json()).toMatchObject({
        error: 'forbidden',
        error_description: 'these credentials are bound to virtual servers: /servers/talk/mcp',
      });
      expect(refused.headers.get('www-authenticate')).toBeNull();
      expect((await post(other, initialize, bearer(free))).status).toBe(200);
    }
    const listed = await sallyport(['token', 'list', '--file', file]);
    expect(listed.stdout).toMatch(/ada +- +talk /);
  });

  it('is let in with whoever is not, by the claim of a JWT', async () => {
    const { exportJWK, generateKeyPair, SignJWT } = await import('jose');
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const folder = await temporaryFolder();
    const jwks = join(folder, 'jwks.json');
    await writeFile(
      jwks,
      JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256' }] }),
    );
    const token = (claims: Record<string, unknown>) =>
      new SignJWT({ sub: 'ada', ...claims })
        .setProtectedHeader({ alg: 'ES256', kid: 'k', typ: 'at+jwt' })
        .setIssuer('https://issuer.example')
        .setAudience('gateway')
        .setExpirationTime('10m')
        .sign(privateKey);
    const auth = {
      kind: 'jwt',
      issuer: 'https://issuer.example',
      audience: 'gateway',
      jwks,
      servers_claim: 'mcp_servers',
    };
    const gateway = await startGateway({ gateway: { upstreams, servers, auth } });
    const talk = at(gateway.url, '/servers/talk/mcp');
    const status = async (url: string, claims: Record<string, unknown>) =>
      (await post(url, initialize, { authorization: `Bearer ${await token(claims)}` })).status;
    for (const claim of [['talk'], 'talk', 'sums talk']) {
      expect(await status(talk, { mcp_servers: claim })).toBe(200);
      expect(await status(gateway.url, { mcp_servers: claim })).toBe(403);
    }
    for (const claim of [[], '', 7, { talk: true }, ['sums']])
      expect(await status(talk, { mcp_servers: claim }), JSON.stringify(claim)).toBe(403);
    expect(await status(talk, {})).toBe(200);
    expect(await status(gateway.url, {})).toBe(200);

    const unknown = await post(talk, initialize);
    expect(unknown.status).toBe(401);
    const origin = new URL(gateway.url).origin;
    const document = `${origin}/.well-known/oauth-protected-resource/servers/talk/mcp`;
    expect(unknown.headers.get('www-authenticate')).toContain(`resource_metadata="${document}"`);
    expect(await (await fetch(document)).json()).toMatchObject({
      resource: talk,
      authorization_servers: ['https://issuer.example'],
    });
    expect((await fetch(document.replace('talk', 'nobody'))).status).toBe(404);
  });
});

it('is served over standard input and output, with --server', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'gateway.yaml');
  await writeFile(path, JSON.stringify({ gateway: { upstreams, servers } }));
  const client = await stdioClient(gatewayCommand('--config', path, '--stdio', '--server', 'sums'), folder);
  expect(client.getServerVersion()).toMatchObject({ name: 'sums' });
  expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['get-sum']);
  await expect(client.callTool({ name: 'echo', arguments: { message: '' } })).rejects.toThrow('no tool');
  const unknown = await sallyport(['gateway', '--config', path, '--stdio', '--server', 'sum']);
  expect(unknown.status).toBe(2);
  expect(unknown.stderr).toContain('SALLY_SERVER_UNKNOWN');
  expect(unknown.stderr).toContain('talk, sums');
});

it('comes, changes and goes with a reload, and its sessions with it', async () => {
  const gateway = await startGateway({ gateway: { upstreams, servers } });
  const { talk, sums } = servers;
  const kept = await legacyClient(at(gateway.url, '/servers/talk/mcp'));
  const goes = await session(at(gateway.url, '/servers/sums/mcp'));
  await gateway.reload({
    plugins: [],
    gateway: {
      upstreams,
      servers: { talk: { tools: ['echo', ...talk.tools] }, more: sums },
    },
  });
  expect((await kept.listTools()).tools.map(({ name }) => name)).toEqual(['echo', 'say']);
  const gone = at(gateway.url, '/servers/sums/mcp');
  expect((await post(gone, list, { 'mcp-session-id': goes })).status).toBe(404);
  expect((await post(gone, initialize)).status).toBe(404);
  const came = await modernClient(at(gateway.url, '/servers/more/mcp'));
  expect((await came.listTools()).tools.map(({ name }) => name)).toEqual(['get-sum']);
});

it('is no way to all for a connection that has used a server before it went', async () => {
  const gateway = await startGateway({ gateway: { upstreams, servers } });
  // One connection, and the same head each time: it is compared with the one before.
  const { Pool } = await import('undici');
  const pool = new Pool(new URL(gateway.url).origin, { connections: 1 });
  onTestFinished(() => pool.destroy());
  const send = async () => {
    const reply = await pool.request({
      method: 'POST',
      path: '/servers/sums/mcp',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      body: JSON.stringify(initialize),
    });
    return { status: reply.statusCode, text: await reply.body.text() };
  };
  expect(await send()).toMatchObject({ status: 200 });
  expect(await send()).toMatchObject({ status: 200 });
  await gateway.reload({ plugins: [], gateway: { upstreams, servers: { talk: servers.talk } } });
  expect((await send()).status).toBe(404);
});

it('is named by the log, the audit log and the metrics, and names that are not offered are warned about', async () => {
  const folder = await temporaryFolder();
  const file = join(folder, 'audit.jsonl');
  const misspelt = { misspelt: { tools: ['ecko', 'zzz*', 'echo'] } };
  const gateway = await startGateway({
    gateway: { upstreams, servers: { ...servers, ...misspelt }, audit: { file } },
  });
  const client = await modernClient(at(gateway.url, '/servers/talk/mcp'));
  await client.callTool({ name: 'say', arguments: { message: 'hi' } });
  await gateway.waitForLog(
    ({ msg, ...line }) => msg === 'request' && line['method'] === 'tools/call' && line['server'] === 'talk',
  );
  await gateway.waitForLog(({ msg }) => msg.includes("virtual server 'misspelt' has zzz* in tools"));
  const warned = gateway.log.filter(({ code }) => code === 'SALLY_SERVER_UNMATCHED');
  expect(warned.map(({ remedy }) => remedy)).toContain('did you mean echo?');
  expect(warned).toHaveLength(2);
  const metrics = await (await fetch(at(gateway.url, '/metrics'))).text();
  expect(metrics).toMatch(
    /sallyport_virtual_server_requests_total\{server="talk",mcp_method_name="tools\/call",outcome="ok"\} 1/,
  );
  expect(await gateway.stop()).toBe(0);
  const lines = (await readFile(file, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const [call] = lines.filter(({ event, method }) => event === 'end' && method === 'tools/call');
  expect(call).toMatchObject({ server: 'talk', target: 'echo', upstream: 'one' });
});
