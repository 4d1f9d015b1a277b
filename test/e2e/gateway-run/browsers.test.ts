import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportJWK, generateKeyPair } from 'jose';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../support/folder.js';
import { startGateway } from '../../support/gateway-run.js';
import { serveSessions } from '../../support/mcp-fixture.js';

const page = 'https://app.example';
const initialize = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'page', version: '1' } },
});
const json = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };

/** A door at which nobody has a key yet. */
const jwtAuth = async () => {
  const jwks = join(await temporaryFolder(), 'jwks.json');
  const { publicKey } = await generateKeyPair('ES256');
  await writeFile(jwks, JSON.stringify({ keys: [await exportJWK(publicKey)] }));
  return { kind: 'jwt', issuer: 'https://issuer.example', audience: 'gw', jwks };
};
const start = async (more: object = {}) => {
  const { url } = await serveSessions();
  return startGateway({
    gateway: { allowed_origins: [page, 'http://localhost:5173'], upstreams: { web: { url } }, ...more },
  });
};
const ask = (
  url: string,
  origin: string | undefined,
  init: RequestInit & { headers?: Record<string, string> } = {},
) => fetch(url, { ...init, headers: { ...(origin && { Origin: origin }), ...init.headers } });
const corsOf = ({ headers }: Response) => [...headers].filter(([name]) => name.startsWith('access-control-'));

it('answers the preflight of a listed origin before anybody is authenticated', async () => {
  const { url } = await start({ auth: await jwtAuth() });
  for (const path of [url, new URL('/.well-known/oauth-protected-resource/mcp', url).href]) {
    const reply = await ask(path, page, {
      method: 'OPTIONS',
      headers: {
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'authorization,content-type,mcp-param-x, bad name',
        'Access-Control-Request-Private-Network': 'true',
      },
    });
    expect(reply.status).toBe(204);
    expect(Object.fromEntries(reply.headers)).toMatchObject({
      'access-control-allow-origin': page,
      'access-control-allow-methods': 'GET, POST, DELETE',
      'access-control-allow-headers': 'authorization, content-type, mcp-param-x',
      'access-control-allow-private-network': 'true',
      vary: 'Origin, Access-Control-Request-Headers',
    });
  }
});

it('lets a listed page read every kind of reply', async () => {
  const { url } = await start();
  const post = (headers: Record<string, string>, body: string) =>
    ask(url, page, { method: 'POST', headers: { ...json, ...headers }, body });
  const opened = await post({}, initialize);
  const session = { 'Mcp-Session-Id': opened.headers.get('mcp-session-id') ?? '' };
  const stream = await ask(url, page, { headers: { Accept: 'text/event-stream', ...session } });
  const replies = [
    opened,
    stream,
    await post(session, '{"jsonrpc":"2.0","method":"notifications/initialized"}'),
    await post({}, 'nonsense'),
    await post({ 'Content-Type': 'text/plain' }, 'x'),
    await post({ 'Mcp-Session-Id': 'none' }, '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'),
    await ask(url, page, { method: 'PUT' }),
    await ask(new URL('/nothing', url).href, page),
    await ask(new URL('/health', url).href, page),
    await ask(url, page, { method: 'DELETE', headers: session }),
  ];
  expect(replies.map(({ status }) => status)).toEqual([200, 200, 202, 400, 415, 404, 405, 404, 200, 204]);
  for (const reply of replies) {
    expect(reply.headers.get('access-control-allow-origin')).toBe(page);
    expect(reply.headers.get('access-control-expose-headers')).toMatch(/Mcp-Session-Id.*WWW-Authenticate/);
    expect(reply.headers.get('vary')).toBe('Origin');
    await reply.body?.cancel();
  }
});

it('lets a listed page read the 401 and what it names', async () => {
  const { url } = await start({ auth: await jwtAuth() });
  const reply = await ask(url, page, { method: 'POST', headers: json, body: initialize });
  expect([reply.status, reply.headers.get('access-control-allow-origin')]).toEqual([401, page]);
  expect(reply.headers.get('www-authenticate')).toContain('Bearer');
});

it('says nothing of it to origins that are not listed, this machine among them, nor to who has none', async () => {
  const { url } = await start();
  const preflight = { method: 'OPTIONS', headers: { 'Access-Control-Request-Method': 'POST' } };
  for (const origin of [
    'http://localhost:5174',
    'http://127.0.0.1:5173',
    'https://evil.example',
    'null',
    undefined,
  ]) {
    for (const init of [preflight, { method: 'POST', headers: json, body: initialize }, {}]) {
      const reply = await ask(url, origin, init);
      expect(corsOf(reply)).toEqual([]);
      expect(reply.headers.get('vary')).toBe('Origin');
      if (init === preflight) expect(reply.ok).toBe(false);
      await reply.body?.cancel();
    }
  }
});

it('refuses the preflight of a listed origin for a name that is not its own', async () => {
  const { url, port } = await start();
  const { request } = await import('node:http');
  const status = await new Promise((done) =>
    request(
      {
        port,
        path: new URL(url).pathname,
        method: 'OPTIONS',
        headers: { Host: 'rebound.example', Origin: page, 'Access-Control-Request-Method': 'POST' },
      },
      (reply) => done(reply.resume().statusCode),
    ).end(),
  );
  expect(status).toBe(421);
});

it('has no such headers where no origin is listed', async () => {
  const { url } = await start({ allowed_origins: [] });
  const reply = await ask(url, 'http://localhost:5173', { method: 'POST', headers: json, body: initialize });
  expect([...corsOf(reply), reply.headers.get('vary')]).toEqual([null]);
});
