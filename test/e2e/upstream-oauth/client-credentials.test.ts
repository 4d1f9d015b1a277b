import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportJWK } from 'jose';
import { expect, it } from 'vitest';
import { secretClient, startAuthorizationServer } from '../../support/authorization-server.js';
import { cert } from '../../support/certs.js';
import { temporaryFolder } from '../../support/folder.js';
import { errorOf } from '../../support/gateway.js';
import { openOauth, serverTls, whoami, withoutSecret } from '../../support/oauth-upstream.js';
import { serveProtected } from '../../support/protected-mcp.js';
import { patient, reaches, sessionRequest } from '../../support/upstreams.js';

it('finds the authorization server out from the 401 and asks for a token that is for the upstream alone', async () => {
  const server = await startAuthorizationServer();
  const { url } = await serveProtected(server);
  expect(await whoami(openOauth(url))).toBe('gateway whoami');
  const [request, ...more] = server.requests;
  expect(more).toEqual([]);
  expect(request?.parameters).toEqual({ grant_type: 'client_credentials', resource: url });
  expect(request?.authorization).toMatch(/^Basic /);
});

it('finds it out where the challenge names no metadata, and where the upstream has none but its own origin', async () => {
  const server = await startAuthorizationServer();
  const silent = await serveProtected(server, { named: false });
  expect(await whoami(openOauth(silent.url))).toBe('gateway whoami');
  const bare = await serveProtected(server, { named: false, withoutMetadata: true });
  const error = await errorOf(openOauth(bare.url).session(sessionRequest(), patient()));
  // Servers from before RFC 9728 are their own.
  expect(error.message).toContain(`${new URL(bare.url).origin}/.well-known/oauth-authorization-server`);
});

it('asks with the first request where issuer and resource are configured', async () => {
  const server = await startAuthorizationServer();
  const upstream = await serveProtected(server);
  const resource = `${upstream.url}#`.slice(0, -1);
  const opened = openOauth(upstream.url, { issuer: new URL(server.issuer), resource, privateHosts: [] });
  expect(await whoami(opened)).toBe('gateway whoami');
  expect(upstream.seen.requests.filter(({ headers }) => headers.authorization === undefined)).toEqual([]);
});

it('has one token for many calls at once', async () => {
  const server = await startAuthorizationServer();
  const upstream = await serveProtected(server);
  const opened = openOauth(upstream.url);
  const all = Array.from({ length: 20 }, (_, i) => whoami(opened, sessionRequest({ principal: `p${i}` })));
  expect(new Set(await Promise.all(all))).toEqual(new Set(['gateway whoami']));
  expect(server.requests).toHaveLength(1);
  expect(new Set(upstream.callers.map(({ token }) => token)).size).toBe(1);
});

it('fetches another token before the end of the one before, while that still serves', async () => {
  const server = await startAuthorizationServer({ ttl: 2 });
  const upstream = await serveProtected(server);
  const opened = openOauth(upstream.url);
  const end = Date.now() + 5_000;
  while (Date.now() < end) expect(await whoami(opened)).toBe('gateway whoami');
  const refused = upstream.seen.requests.filter(({ headers }) => headers.authorization === undefined);
  // No call ever met a 401 but the first, from which the server was found out.
  expect(refused.filter(({ method }) => method === 'POST')).toHaveLength(1);
  expect(server.requests.length).toBeGreaterThanOrEqual(3);
  expect(server.requests.length).toBeLessThan(8);
});

it('asks for a new token once where the upstream refuses the one it has, and sends the call again', async () => {
  const server = await startAuthorizationServer();
  const upstream = await serveProtected(server);
  const opened = openOauth(upstream.url);
  await whoami(opened);
  const [{ token } = { token: '' }] = upstream.callers;
  upstream.refused.add(token);
  expect(await whoami(opened)).toBe('gateway whoami');
  expect(server.requests).toHaveLength(2);

  upstream.state.refuseAll = true;
  const error = await errorOf(whoami(opened));
  expect(error.code).toBe('SALLY_UPSTREAM_OAUTH_REFUSED');
  expect(server.requests).toHaveLength(3);
  expect((await errorOf(whoami(opened))).code).toBe('SALLY_UPSTREAM_OAUTH_REFUSED');
  // The server is not asked with every call that is refused.
  expect(server.requests).toHaveLength(3);
});

it('shows a secret in the body or from a file, a signed assertion, or a certificate', async () => {
  const folder = await temporaryFolder();
  const file = async (name: string, text: string) => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  const made = {
    rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
    ec: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    ed: generateKeyPairSync('ed25519'),
  };
  const signing = await Promise.all(
    Object.entries(made).map(async ([name, { privateKey, publicKey }]) => ({
      client: {
        client_id: name,
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [{ ...(await exportJWK(publicKey)), kid: name }] },
      },
      path: await file(`${name}.pem`, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()),
    })),
  );
  const own = { grant_types: ['client_credentials'], redirect_uris: [], response_types: [] };
  const server = await startAuthorizationServer({
    clients: [
      { ...secretClient, token_endpoint_auth_method: 'client_secret_post' },
      ...signing.map(({ client }) => ({ ...own, ...client })),
      {
        ...own,
        client_id: 'certified',
        token_endpoint_auth_method: 'tls_client_auth',
        tls_client_auth_subject_dn: 'CN=mcp-gateway-client',
        tls_client_certificate_bound_access_tokens: true,
      },
    ],
  });
  const { url } = await serveProtected(server);
  const secret = await file('secret', `${secretClient.client_secret}\n`);
  const posted = { ...withoutSecret, clientSecretFile: secret, clientAuth: 'client_secret_post' } as const;
  expect(await whoami(openOauth(url, posted))).toBe('gateway whoami');
  expect(server.requests[0]?.authorization).toBeUndefined();
  for (const { client, path } of signing) {
    const settings = {
      ...withoutSecret,
      clientId: client.client_id,
      privateKeyFile: path,
      privateKeyId: client.client_id,
    };
    expect(await whoami(openOauth(url, settings))).toBe(`${client.client_id} whoami`);
  }
  const certified = {
    ...withoutSecret,
    clientId: 'certified',
    tls: { ...serverTls, certfile: cert('client.crt'), keyfile: cert('client.key') },
  };
  expect(await whoami(openOauth(url, certified))).toBe('certified whoami');
});

it('asks for the scopes of the challenge, and for those that a call turns out to need', async () => {
  const server = await startAuthorizationServer();
  const upstream = await serveProtected(server, {
    callScope: 'write',
    metadata: { scopes_supported: ['read'] },
  });
  expect(await whoami(openOauth(upstream.url))).toBe('gateway whoami');
  expect(server.requests.map(({ parameters }) => parameters['scope'])).toEqual(['read', 'read write']);
});

it('says which scope is missing where the configuration gives the scopes', async () => {
  const server = await startAuthorizationServer();
  const upstream = await serveProtected(server, { callScope: 'write' });
  const error = await errorOf(whoami(openOauth(upstream.url, { scopes: ['read'] })));
  expect(error.code).toBe('SALLY_UPSTREAM_OAUTH_SCOPE');
  expect(error.message).toBe("the upstream 'web' wants the scope write for this, and its token has read");
  expect(error.remedy).toContain('add write to scopes');
  expect(server.requests).toHaveLength(1);
});

it('is down with what the authorization server says, and without the secret', async () => {
  const server = await startAuthorizationServer();
  const { url } = await serveProtected(server);
  const lines: string[] = [];
  const take = (...line: unknown[]) => void lines.push(JSON.stringify(line));
  const log = { trace: take, debug: take, info: take, warn: take, error: take, fatal: take };
  const wrong = 'not the secret that it should be';
  const upstream = openOauth(url, { clientSecret: wrong }, { log: log as never });
  const state = await reaches(upstream, 'down');
  expect(state).toMatchObject({
    code: 'SALLY_UPSTREAM_OAUTH_TOKEN',
    reason: expect.stringContaining('invalid_client'),
  });
  const error = await errorOf(upstream.session(sessionRequest(), patient()));
  expect(error.remedy).toContain('check client_id, client_auth');
  expect(lines.join('\n')).toContain('SALLY_UPSTREAM_OAUTH_TOKEN');
  expect(lines.join('\n') + JSON.stringify(state)).not.toContain(wrong);
});

it('keeps to the first authorization server that the upstream names', async () => {
  const server = await startAuthorizationServer();
  const other = await startAuthorizationServer();
  const metadata = { authorization_servers: [server.issuer] };
  const upstream = await serveProtected(server, { metadata });
  const opened = openOauth(upstream.url);
  await whoami(opened);
  metadata.authorization_servers = [other.issuer];
  upstream.state.refuseAll = true;
  // Read again where the challenge names another place.
  const named = `${new URL(upstream.url).origin}/.well-known/oauth-protected-resource`;
  Object.assign(upstream.state, { named });
  const error = await errorOf(whoami(opened));
  expect(error.message).toContain('credentials for one are not sent to the other');
  expect(other.requests).toEqual([]);
});
