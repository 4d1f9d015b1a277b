import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { request, fetch as undiciFetch } from 'undici';
import { describe, expect, it } from 'vitest';
import { cert } from '../../support/certs.js';
import { sallyport } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import {
  everything,
  fetchOver,
  firstText,
  legacyClient,
  modernClient,
  plugin,
  startGateway,
} from '../../support/gateway-run.js';
import { runIn } from '../certs/faults.js';

const upstreams = { one: everything };
const plugins = [plugin('rewriter.mjs')];
const who = { name: 'echo', arguments: { message: 'who' } };
const seenBy = (user: unknown, tenant: string | null) =>
  `Echo: ${JSON.stringify([user, tenant, 'one', 'echo'])} <pre post>`;

const initialize = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
});
const post = (url: string, headers: Record<string, string> = {}) =>
  request(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: initialize,
  });

/** Nothing that was sent as a credential is found in what the process wrote. */
function expectSilence(log: readonly object[], ...secrets: string[]) {
  const text = JSON.stringify(log);
  for (const secret of secrets) expect(text).not.toContain(secret);
}

describe('[M13] a gateway with tokens', () => {
  it('names the command that makes a tokens file which is not there, and starts after it', async () => {
    const cwd = await temporaryFolder();
    const auth = { kind: 'bearer', tokens_file: 'my tokens.json' };
    await writeFile(join(cwd, 'gateway.yaml'), JSON.stringify({ gateway: { upstreams, auth } }));
    const start = ['gateway', '--config', 'gateway.yaml', '--stdio'];
    const early = await sallyport(start, { cwd });
    expect(early.status).toBe(3);
    const file = join(cwd, 'my tokens.json');
    const command = `sallyport token create --user "$(id -un)" --file '${file}'`;
    expect(early.stderr).toContain(`→ ${command}\n`);
    runIn(cwd, command);
    expect(await sallyport(start, { cwd })).toMatchObject({ status: 0 });
  });

  it('knows who calls, in either era, until the token is revoked', async () => {
    const file = join(await temporaryFolder(), 'tokens.json');
    const make = (...more: string[]) =>
      sallyport(['token', 'create', '--file', file, '--user', 'ada', ...more]);
    const token = (await make('--tenant', 'research')).stdout.trim();
    const gateway = await startGateway(
      { plugins, gateway: { upstreams, auth: { kind: 'bearer', tokens_file: file } } },
      { env: { LOG_LEVEL: 'DEBUG' } },
    );
    const session = await legacyClient(gateway.url, { token });
    expect(firstText(await session.callTool(who))).toBe(seenBy('ada', 'research'));
    const stateless = await modernClient(gateway.url, { token });
    expect(firstText(await stateless.callTool(who))).toBe(seenBy('ada', 'research'));
    const { statusCode, headers } = await post(gateway.url);
    expect([statusCode, headers['www-authenticate']]).toEqual([401, 'Bearer realm="sallyport"']);
    expect((await post(gateway.url, { authorization: 'Bearer sally_wrong' })).statusCode).toBe(401);
    expect((await post(`${gateway.url}?token=${token}`)).statusCode).toBe(400);

    const listed = JSON.parse((await sallyport(['token', 'list', '--file', file, '--json'])).stdout);
    expect((await sallyport(['token', 'revoke', '--file', file, listed[0].id])).status).toBe(0);
    const revoked = async () => {
      while ((await post(gateway.url, { authorization: `Bearer ${token}` })).statusCode !== 401);
    };
    await revoked();
    await expect(session.callTool(who)).rejects.toMatchObject({ code: 401 });
    expectSilence(gateway.log, token, token.slice(15));
  });

  it('[M14] are listed for people, with when each ends, and without what lets in', async () => {
    const file = join(await temporaryFolder(), 'tokens.json');
    const create = (...more: string[]) => sallyport(['token', 'create', '--file', file, '--user', ...more]);
    const made = [await create('ada', '--tenant', 'research', '--expires-in', '12h'), await create('bob')];
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace(/("expires": ?")[^"]+/, '$12026-01-02T03:04:05.000Z'), {
      mode: 0o600,
    });
    const { stdout } = await sallyport(['token', 'list', '--file', file]);
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/^id +user +tenant +made +ends$/);
    expect(lines[1]).toMatch(/^\S+ +ada +research +\d{4}-\d\d-\d\d +2026-01-02T03:04Z \(expired\)$/);
    expect(lines[2]).toMatch(/^\S+ +bob +- +\d{4}-\d\d-\d\d +\S+$/);
    for (const { stdout: token } of made) expect(stdout).not.toContain(token.trim());
  });

  it('[M14] lets nobody into the session of another', async () => {
    const file = join(await temporaryFolder(), 'tokens.json');
    const make = async (user: string) =>
      (await sallyport(['token', 'create', '--file', file, '--user', user])).stdout.trim();
    const [ada, bob] = [await make('ada'), await make('bob')];
    const { url } = await startGateway({
      gateway: { upstreams, auth: { kind: 'bearer', tokens_file: file } },
    });
    const opened = await post(url, { authorization: `Bearer ${ada}` });
    await opened.body.dump();
    const session = { 'mcp-session-id': String(opened.headers['mcp-session-id']) };
    const end = (token: string) =>
      request(url, { method: 'DELETE', headers: { ...session, authorization: `Bearer ${token}` } });
    expect((await end(bob)).statusCode).toBe(404);
    expect((await end(ada)).statusCode).toBeLessThan(300);
  });
});

describe('[M13] a gateway with JWTs', () => {
  it('takes those of its issuer, and says where to get one', async () => {
    const folder = await temporaryFolder();
    const { publicKey, privateKey } = await generateKeyPair('RS256');
    await writeFile(
      join(folder, 'jwks.json'),
      JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'a' }] }),
    );
    const issuer = 'https://issuer.example';
    const sign = (claims: object, scope = 'mcp') =>
      new SignJWT({ scope, org: 'research', ...claims })
        .setProtectedHeader({ alg: 'RS256', kid: 'a' })
        .setIssuer(issuer)
        .setAudience('gateway')
        .setSubject('ada')
        .setExpirationTime('5m')
        .sign(privateKey);
    const auth = {
      kind: 'jwt',
      issuer,
      audience: 'gateway',
      jwks: join(folder, 'jwks.json'),
      tenant_claim: 'org',
      scopes: ['mcp'],
    };
    const gateway = await startGateway({ plugins, gateway: { upstreams, auth } });
    const token = await sign({});
    const client = await modernClient(gateway.url, { token });
    expect(firstText(await client.callTool(who))).toBe(seenBy('ada', 'research'));

    const without = await post(gateway.url);
    const challenge = String(without.headers['www-authenticate']);
    const [, metadata = ''] = /resource_metadata="([^"]+)"/.exec(challenge) ?? [];
    expect(metadata).toBe(gateway.url.replace('/mcp', '/.well-known/oauth-protected-resource/mcp'));
    for (const place of [metadata, metadata.replace(/\/mcp$/, '')]) {
      expect(await (await undiciFetch(place)).json()).toEqual({
        resource: gateway.url,
        authorization_servers: [issuer],
        bearer_methods_supported: ['header'],
        scopes_supported: ['mcp'],
      });
    }
    const other = await sign({}, 'mail');
    const scoped = await post(gateway.url, { authorization: `Bearer ${other}` });
    expect([scoped.statusCode, scoped.headers['www-authenticate']]).toEqual([
      403,
      expect.stringContaining('error="insufficient_scope"'),
    ]);
    const late = await sign({ nbf: Math.floor(Date.now() / 1000) + 600 });
    const early = await post(gateway.url, { authorization: `Bearer ${late}` });
    expect([early.statusCode, early.headers['www-authenticate']]).toEqual([
      401,
      expect.stringContaining('error="invalid_token"'),
    ]);
    expectSilence(gateway.log, token, other, late);
  });
});

describe('[M13] a gateway with client certificates', () => {
  const tls = () => ({
    certfile: cert('server.crt'),
    keyfile: cert('server.key'),
    ca_bundle: cert('ca.crt'),
  });

  it('knows who calls by the names in them', async () => {
    const users = [{ match: 'CN:mcp-gateway-*', user: 'the other gateway', tenant: 'research' }];
    const gateway = await startGateway({
      plugins,
      gateway: { host: 'localhost', upstreams, tls: tls(), auth: { kind: 'mtls', users } },
    });
    expect(gateway.url).toMatch(/^https:\/\/localhost:/);
    const client = await legacyClient(gateway.url, { fetch: await fetchOver('client') });
    expect(firstText(await client.callTool(who))).toBe(seenBy('the other gateway', 'research'));
    for (const bad of [undefined, 'client-other-ca', 'client-expired']) {
      const call = (await fetchOver(bad))(gateway.url, { method: 'POST', body: initialize });
      await expect(call, String(bad)).rejects.toThrow();
    }
    const health = gateway.healthUrl ?? '';
    expect(await (await fetch(health)).json()).toEqual({ status: 'healthy' });
    expect(await (await fetch(health.replace('/health', '/ready'))).json()).toEqual({
      status: 'ready',
      plugins: { Plugin: 'ready' },
      upstreams: { one: 'up' },
    });
    expect((await fetch(health.replace('/health', '/mcp'))).status).toBe(404);
  });

  it('refuses a good certificate that nobody of its file has', async () => {
    const { url } = await startGateway({
      gateway: {
        host: 'localhost',
        upstreams,
        tls: tls(),
        auth: { kind: 'mtls', users: [{ match: 'CN:Ada' }] },
      },
    });
    const reply = await (await fetchOver('client'))(url, { method: 'POST', body: initialize });
    expect([reply.status, await reply.json()]).toEqual([
      403,
      {
        error: 'forbidden',
        error_description: 'nobody of the configuration has the certificate of CN:mcp-gateway-client',
      },
    ]);
  });
});

describe('a gateway without authentication', () => {
  it('[M13] does not start where others can call it, unless that is said', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'g.yaml');
    const file = (more: string) =>
      `plugins: []\ngateway:\n  host: 0.0.0.0\n${more}  upstreams: {a: {command: cat}}\n`;
    await writeFile(path, file(''));
    const refused = await sallyport(['gateway', '--config', path, '--port', '0']);
    expect(refused.status).toBe(3);
    expect(refused.stderr).toContain(
      'g.yaml:3:9  gateway.auth is none, and others than this machine can call',
    );
  });

  it('[M16] refuses names and pages that are not its own', async () => {
    const { url } = await startGateway({ gateway: { upstreams } });
    expect((await post(url, { host: 'evil.example' })).statusCode).toBe(421);
    expect((await post(url, { origin: 'https://evil.example' })).statusCode).toBe(403);
    expect((await post(url)).statusCode).toBe(200);
  });
});

describe('[M17] a plugin around authentication', () => {
  it('permits subscriptions to resources, or not, in the words of either era', async () => {
    const { url } = await startGateway({ plugins: [plugin('http-hooks.mjs')], gateway: { upstreams } });
    const old = await legacyClient(url, { token: 'magic' });
    await expect(
      old.subscribeResource({ uri: 'demo://resource/static/document/features.md' }),
    ).rejects.toMatchObject({
      code: -32003,
    });
    const modern = await modernClient(url, { token: 'magic' });
    await expect(
      modern.listen({ resourceSubscriptions: ['demo://resource/static/document/features.md'] }),
    ).rejects.toMatchObject({ code: -32003 });
  });

  it('knows users, permits and refuses what they do, and adds to the replies', async () => {
    const { url } = await startGateway({ plugins: [plugin('http-hooks.mjs')], gateway: { upstreams } });
    const wizard = await legacyClient(url, { token: 'magic' });
    expect(firstText(await wizard.callTool({ name: 'echo', arguments: { message: 'hi' } }))).toBe('Echo: hi');
    await expect(wizard.getPrompt({ name: 'simple-prompt' })).rejects.toMatchObject({
      code: -32003,
      message: expect.stringContaining('Permission denied: no prompts.read'),
    });
    const anyone = await legacyClient(url);
    expect((await anyone.getPrompt({ name: 'simple-prompt' })).messages).toHaveLength(1);
    const reply = await post(url, { authorization: 'Bearer magic' });
    expect(reply.headers['x-audit']).toBe('200 merlin@example.org POST /mcp');
    expect((await post(url, { 'x-pre': 'teapot' })).statusCode).toBe(418);
  });
});
