import { expect, it } from 'vitest';
import { startAuthorizationServer } from '../../support/authorization-server.js';
import { errorOf } from '../../support/gateway.js';
import { serve } from '../../support/mcp-fixture.js';
import { openOauth, whoami } from '../../support/oauth-upstream.js';
import { serveProtected } from '../../support/protected-mcp.js';
import { patient, sessionRequest } from '../../support/upstreams.js';

const failure = async (...args: Parameters<typeof openOauth>) =>
  errorOf(openOauth(...args).session(sessionRequest(), patient()));

it('asks no private address that the upstream names, by name or by address', async () => {
  const server = await startAuthorizationServer();
  const { url } = await serveProtected(server);
  const error = await failure(url, { privateHosts: [] });
  expect(error.message).toMatch(
    /led to https:\/\/localhost:\d+, which is not asked: its address .* is private/,
  );
  expect(error.remedy).toContain('private_hosts');
  expect(server.paths).toEqual([]);

  const inside = await serve((_, response) => response.end('{}'));
  for (const named of [`http://127.0.0.1:${inside.port}/x`, 'https://169.254.169.254/latest/meta-data'])
    for (const metadata of [{ authorization_servers: [named] }, { resource_metadata: named }]) {
      const upstream = await serveProtected(server, { metadata });
      if ('resource_metadata' in metadata) Object.assign(upstream.state, { named });
      expect((await failure(upstream.url, { privateHosts: [] })).message).toMatch(/which is not asked/);
    }
  expect(inside.seen.requests).toEqual([]);
});

it('follows redirects of metadata, and to no private address either', async () => {
  const server = await startAuthorizationServer();
  const upstream = await serveProtected(server);
  const inside = await serve((_, response) => response.end('{}'));
  let location = `${server.issuer}/.well-known/openid-configuration`;
  const moved = await serve((_, response) => response.writeHead(302, { location }).end());
  // The metadata is then that of another issuer, which is what it is refused for.
  Object.assign(upstream.state, { named: `http://localhost:${moved.port}/x` });
  expect((await failure(upstream.url)).message).toContain('its metadata is that of another resource');
  location = `http://127.0.0.1:${inside.port}/secret`;
  expect((await failure(upstream.url)).message).toMatch(
    /led to http:\/\/127\.0\.0\.1:\d+, which is not asked/,
  );
  expect(inside.seen.requests).toEqual([]);
  location = `http://localhost:${moved.port}/round`;
  expect((await failure(upstream.url)).message).toContain('HTTP 302');
  expect(moved.seen.requests.length).toBeLessThan(20);
});

it('does not follow an authorization server elsewhere with credentials', async () => {
  const server = await startAuthorizationServer();
  const upstream = await serveProtected(server);
  const elsewhere = await serve((_, response) => response.end('{}'));
  const fake = await serve((request, response) => {
    if (request.url === '/token')
      return response.writeHead(307, { location: `http://localhost:${elsewhere.port}/token` }).end();
    const issuer = `http://localhost:${fake.port}`;
    const document = { issuer, token_endpoint: `${issuer}/token` };
    return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document));
  });
  const error = await failure(upstream.url, { issuer: new URL(`http://localhost:${fake.port}`) });
  expect(error.code).toBe('SALLY_UPSTREAM_DOWN');
  expect(error.message).toContain('gave no token');
  expect(elsewhere.seen.requests).toEqual([]);
});

it('takes no metadata of another resource or another issuer, and none without end', async () => {
  const server = await startAuthorizationServer();
  for (const resource of ['https://bank.example/mcp', 'http://localhost:1/mcp', undefined]) {
    const upstream = await serveProtected(server, { metadata: { resource } });
    expect((await failure(upstream.url)).message).toContain('its metadata is that of another resource');
  }
  const impostor = await serve((_, response) => {
    const document = { issuer: server.issuer, token_endpoint: `${server.issuer}/token` };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document));
  });
  const issuer = `http://localhost:${impostor.port}`;
  const upstream = await serveProtected(server, { metadata: { authorization_servers: [issuer] } });
  expect((await failure(upstream.url)).message).toContain('its issuer is');
  const endless = await serve((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const more = () => {
      while (!response.destroyed && response.write(' '.repeat(65_536)));
    };
    response.on('drain', more);
    more();
  });
  Object.assign(upstream.state, { named: `http://localhost:${endless.port}/x` });
  expect((await failure(upstream.url)).code).toBe('SALLY_UPSTREAM_DOWN');
});

it('takes the resource that the upstream names for itself where that is a part of its path', async () => {
  const server = await startAuthorizationServer();
  const upstream = await serveProtected(server);
  const origin = new URL(upstream.url).origin;
  upstream.state.resource = origin;
  expect(await whoami(openOauth(upstream.url))).toBe('gateway whoami');
  expect(server.requests[0]?.parameters['resource']).toBe(origin);
});
