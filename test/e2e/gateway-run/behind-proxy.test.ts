import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { exportJWK, generateKeyPair } from 'jose';
import { expect, it, onTestFinished } from 'vitest';
import { cert } from '../../support/certs.js';
import { temporaryFolder } from '../../support/folder.js';
import { firstText, legacyClient, modernClient, startGateway } from '../../support/gateway-run.js';
import { serveSessions } from '../../support/mcp-fixture.js';
import { tcpClient } from '../../support/tcp.js';

const echo = { name: 'echo', arguments: { text: 'x' } };
const ofClient = { from_client: { 'X-From': '{{ client_host }}' } };

async function start(more: object = {}) {
  const upstream = await serveSessions();
  const upstreams = { web: { url: upstream.url, headers: ofClient } };
  const gateway = await startGateway({ gateway: { upstreams, ...more } });
  const sentFrom = () =>
    upstream.seen.requests.findLast(({ body }) => body.includes('tools/call'))?.headers['x-from'];
  return { gateway, url: gateway.url, origin: new URL(gateway.url).origin, sentFrom };
}

const jwtAuth = async () => {
  const jwks = join(await temporaryFolder(), 'jwks.json');
  const { publicKey } = await generateKeyPair('ES256');
  await writeFile(jwks, JSON.stringify({ keys: [await exportJWK(publicKey)] }));
  return { kind: 'jwt', issuer: 'https://issuer.example', audience: 'gw', jwks };
};
const challengeOf = async (url: string, headers: Record<string, string> = {}) => {
  const reply = await fetch(url, { method: 'POST', headers });
  expect(reply.status).toBe(401);
  return /resource_metadata="([^"]+)"/.exec(reply.headers.get('www-authenticate') ?? '')?.[1] ?? '';
};

it('serves MCP below its base path, and nothing of it elsewhere', async () => {
  const { url, origin } = await start({ base_path: '/gw/' });
  expect(new URL(url).pathname).toBe('/gw/mcp');
  for (const client of [await legacyClient(url), await modernClient(url)])
    expect(firstText(await client.callTool(echo))).toBe('x');
  const statusOf = async (path: string) => (await fetch(origin + path, { method: 'GET' })).status;
  for (const path of ['/gw/health', '/gw/ready', '/health', '/ready']) expect(await statusOf(path)).toBe(200);
  for (const path of ['/mcp', '/gwmcp', '/other/mcp', '/gw', '/gw/']) expect(await statusOf(path)).toBe(404);
});

it('serves clients of HTTP+SSE below its base path, and names them the address to post to there', async () => {
  const { origin } = await start({ base_path: '/gw', sse: true });
  expect((await fetch(`${origin}/sse`)).status).toBe(404);
  const client = new Client({ name: 'old', version: '1' });
  await client.connect(new SSEClientTransport(new URL(`${origin}/gw/sse`)) as never);
  onTestFinished(() => client.close());
  expect(firstText(await client.callTool(echo))).toBe('x');
});

it('names clients of HTTP+SSE the address to post to as a proxy has it that takes its prefix off', async () => {
  const { origin } = await start({ base_path: '/gw', sse: true, trusted_proxies: ['127.0.0.1'] });
  const { port } = new URL(origin);
  const seen: (string | undefined)[] = [];
  const proxy = createServer((request, response) => {
    seen.push(request.url);
    if (!request.url?.startsWith('/tools/')) return response.writeHead(404).end();
    const headers = { ...request.headers, host: `127.0.0.1:${port}`, 'x-forwarded-prefix': '/tools' };
    const path = request.url.slice('/tools'.length);
    const onward = httpRequest(
      { port, host: '127.0.0.1', method: request.method, path, headers },
      (reply) => {
        response.writeHead(reply.statusCode ?? 502, reply.headers);
        pipeline(reply, response, () => {});
      },
    );
    pipeline(request, onward, () => {});
    onward.on('error', () => response.destroy());
    return undefined;
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  onTestFinished(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  const own = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const client = new Client({ name: 'old', version: '1' });
  await client.connect(new SSEClientTransport(new URL(`${own}/tools/gw/sse`)) as never);
  onTestFinished(() => client.close());
  expect(firstText(await client.callTool(echo))).toBe('x');
  expect(seen.every((path) => path?.startsWith('/tools/gw/'))).toBe(true);
});

it('names and serves its metadata with the path inserted after the well-known one', async () => {
  const { url, origin } = await start({ base_path: '/gw', auth: await jwtAuth() });
  const named = await challengeOf(url);
  expect(named).toBe(`${origin}/.well-known/oauth-protected-resource/gw/mcp`);
  for (const one of [
    named,
    `${origin}/.well-known/oauth-protected-resource`,
    `${origin}/gw/.well-known/oauth-protected-resource`,
  ])
    expect(await (await fetch(one)).json()).toMatchObject({ resource: `${origin}/gw/mcp` });
  expect((await fetch(`${origin}/.well-known/oauth-protected-resource/other`)).status).toBe(404);
});

const told = {
  'X-Forwarded-For': '6.6.6.6, 192.0.2.7',
  'X-Forwarded-Proto': 'https',
  'X-Forwarded-Host': 'mcp.example',
  'X-Forwarded-Prefix': '/tools',
};

it('takes what a trusted proxy says for URLs, for the address of the client and for the log', async () => {
  const { url, sentFrom, gateway } = await start({ trusted_proxies: ['127.0.0.0/8', '::1'] });
  const client = await legacyClient(url, { headers: told });
  await client.callTool(echo);
  expect(sentFrom()).toBe('192.0.2.7');
  const lineOf = (method: string) =>
    gateway.waitForLog((line) => line.msg === 'request' && line['method'] === method);
  expect(await lineOf('tools/call')).toMatchObject({ address: '192.0.2.7' });
  await fetch(url, { method: 'PUT', headers: told });
  expect(await lineOf('PUT')).toMatchObject({ address: '192.0.2.7', outcome: 'refused' });
  const secured = await start({ trusted_proxies: ['127.0.0.1'], auth: await jwtAuth(), base_path: '/gw' });
  const metadata = await challengeOf(secured.url, told);
  expect(metadata).toBe('https://mcp.example/.well-known/oauth-protected-resource/tools/gw/mcp');
  const inside = new URL(metadata).pathname;
  expect(await (await fetch(secured.origin + inside, { headers: told })).json()).toMatchObject({
    resource: 'https://mcp.example/tools/gw/mcp',
  });
});

it('takes nothing of it from anybody else, and none of it for the check of Host', async () => {
  const { url, sentFrom } = await start({ trusted_proxies: ['10.0.0.0/8'] });
  const client = await legacyClient(url, { headers: told });
  await client.callTool(echo);
  expect(sentFrom()).toMatch(/^(::ffff:)?127\.0\.0\.1$/);
  const secured = await start({ auth: await jwtAuth() });
  expect(await challengeOf(secured.url, told)).toContain(secured.origin);
  const trusting = await start({ trusted_proxies: ['127.0.0.1'] });
  const { request } = await import('node:http');
  const headers = { Host: 'rebound.example', 'X-Forwarded-Host': 'localhost' };
  const status = await new Promise((done) =>
    request(`${trusting.origin}/ready`, { headers }, (reply) => done(reply.resume().statusCode)).end(),
  );
  expect(status).toBe(421);
});

/** What comes back for a request that is sent after `before`. */
const talk = (socket: Socket, before: string | Buffer, text: string): Promise<string> => {
  onTestFinished(() => void socket.destroy());
  return new Promise((done) => {
    let all = '';
    socket.on('data', (chunk) => {
      all += chunk;
    });
    for (const event of ['close', 'error']) socket.once(event, () => done(all));
    socket.write(before);
    if (text !== '') socket.write(text);
  });
};
const call = (path: string) => {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: echo });
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
};
const modern = (path: string) => {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
    'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
  };
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { ...echo, _meta: meta },
  });
  const own = 'MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: echo\r\n';
  return call(path).replace(/Content-Length.*$/s, `${own}Content-Length: ${body.length}\r\n\r\n${body}`);
};

const v2 = Buffer.from('0d0a0d0a000d0a515549540a2111000cc00002070a000001126701bb', 'hex');

it.each([
  ['version 1', 'PROXY TCP4 192.0.2.7 10.0.0.1 4711 443\r\n'],
  ['version 2', v2],
])('takes the address of a client from the PROXY protocol, %s', async (_, header) => {
  const { gateway, sentFrom } = await start({ trusted_proxies: ['127.0.0.1'], proxy_protocol: true });
  const said = await talk(tcpClient({ port: gateway.port, host: '127.0.0.1' }), header, modern('/mcp'));
  expect(said).toContain('200 OK');
  expect(sentFrom()).toBe('192.0.2.7');
});

it('takes it before TLS too', async () => {
  const tls = {
    certfile: cert('server.crt'),
    keyfile: cert('server.key'),
    ca_bundle: cert('ca.crt'),
    ssl_cert_reqs: 0,
  };
  const { gateway, sentFrom } = await start({ trusted_proxies: ['127.0.0.1'], proxy_protocol: true, tls });
  const raw = tcpClient({ port: gateway.port, host: '127.0.0.1' });
  raw.write(v2);
  const secure = connectTls({ socket: raw, servername: 'localhost', ca: readFileSync(cert('ca.crt')) });
  expect(await talk(secure, '', modern('/mcp'))).toContain('200 OK');
  expect(sentFrom()).toBe('192.0.2.7');
});

it('closes what comes from a trusted proxy without such a header, and serves others as they are', async () => {
  const { gateway } = await start({ trusted_proxies: ['127.0.0.1'], proxy_protocol: true });
  for (const header of ['', 'PROXY TCP4 nonsense\r\n', Buffer.from('0d0a0d0a000d0a515549540affff', 'hex')])
    expect(await talk(tcpClient({ port: gateway.port, host: '127.0.0.1' }), header, modern('/mcp'))).toBe('');
  await gateway.waitForLog(({ code }) => code === 'SALLY_PROXY_HEADER');
  const direct = await start({ trusted_proxies: ['10.0.0.0/8'], proxy_protocol: true });
  expect(firstText(await (await legacyClient(direct.url)).callTool(echo))).toBe('x');
  const spoofed = await talk(
    tcpClient({ port: direct.gateway.port, host: '127.0.0.1' }),
    'PROXY TCP4 192.0.2.7 10.0.0.1 1 2\r\n',
    modern('/mcp'),
  );
  expect(spoofed).toContain('400 Bad Request');
});
