import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { AuthSettings } from '../../../src/config/index.js';
import { JwksInvalid } from '../../../src/errors.js';
import { openAuthenticator } from '../../../src/gateway/auth/index.js';
import { silentLogger } from '../../../src/log.js';
import { parseSans } from '../../../src/pki/index.js';
import { run } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { ca, leaf, resigned } from '../../tls/made.js';
import { authenticatedServer } from './authenticated-server.js';

type Jwt = Extract<AuthSettings, { kind: 'jwt' }>;

const issuer = 'https://issuer.example';
const audience = 'https://gateway.example/mcp';
const keys = await generateKeyPair('ES256');
const otherKeys = await generateKeyPair('ES256');
const jwks = { keys: [{ ...(await exportJWK(keys.publicKey)), kid: 'one', alg: 'ES256' }] };

interface Claims {
  readonly [claim: string]: unknown;
}

async function token(claims: Claims = {}, key = keys.privateKey, kid = 'one', header: object = {}) {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ iss: issuer, aud: audience, sub: 'ada', exp: now + 60, iat: now, ...claims })
    .setProtectedHeader({ alg: 'ES256', kid, ...header })
    .sign(key);
}

async function settings(more: Partial<Jwt> = {}): Promise<Jwt> {
  const file = join(await temporaryFolder(), 'jwks.json');
  await writeFile(file, JSON.stringify(jwks));
  return { kind: 'jwt', issuer, audience, jwks: { file }, userClaim: 'sub', scopes: [], ...more };
}
const authorization = (text: string) => ({ authorization: `Bearer ${text}` });

describe('[M13] a gateway with JWTs', () => {
  it('takes user and tenant from the claims', async () => {
    const call = await authenticatedServer(await settings({ userClaim: 'email', tenantClaim: 'org' }));
    const { status, body } = await call(
      authorization(await token({ email: 'ada@example.org', org: 'research' })),
    );
    expect(status).toBe(200);
    expect(body['identity']).toEqual({ user: 'ada@example.org', tenant: 'research', method: 'jwt' });
  });

  const past = Math.floor(Date.now() / 1000) - 600;
  it.each<[string, Claims, string]>([
    ['one that has expired', { exp: past }, 'the token has expired'],
    ['one that is not valid yet', { nbf: past + 1200 }, 'the claim nbf of the token is not valid here'],
    [
      'one of another issuer',
      { iss: 'https://evil.example' },
      'the claim iss of the token is not valid here',
    ],
    [
      'one for somebody else',
      { aud: 'https://other.example' },
      'the claim aud of the token is not valid here',
    ],
    ['one without an end', { exp: undefined }, 'the claim exp of the token is missing'],
    ['one without a user', { sub: undefined }, 'the claim sub of the token is missing'],
    ['one whose user is empty', { sub: '' }, 'the claim sub names no user'],
  ])('refuses %s', async (_, claims, description) => {
    const call = await authenticatedServer(await settings());
    const reply = await call(authorization(await token(claims)));
    expect([reply.status, reply.body['error'], reply.body['error_description']]).toEqual([
      401,
      'invalid_token',
      description,
    ]);
  });

  it('refuses tokens that somebody else could have made', async () => {
    const call = await authenticatedServer(await settings());
    const good = await token();
    const [head, body, signature] = good.split('.');
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${body}.`;
    const secret = new TextEncoder().encode(JSON.stringify(jwks.keys[0]));
    const symmetric = await new SignJWT({ iss: issuer, aud: audience, sub: 'eve' })
      .setProtectedHeader({ alg: 'HS256', kid: 'one' })
      .setExpirationTime('1m')
      .sign(secret);
    const changed = Buffer.from(JSON.stringify({ sub: 'eve' })).toString('base64url');
    const forged = [
      await token({}, otherKeys.privateKey),
      await token({}, keys.privateKey, 'two'),
      none,
      symmetric,
      `${head}.${changed}.${signature}`,
      'a.b.c',
    ];
    for (const one of forged) expect((await call(authorization(one))).status).toBe(401);
    expect((await call(authorization(good))).status).toBe(200);
  });

  it.each([['at+jwt'], ['AT+JWT'], ['application/at+jwt'], ['JWT'], ['jwt'], [undefined]])(
    'takes a token of the type %s',
    async (typ) => {
      const call = await authenticatedServer(await settings());
      const one = await token({}, keys.privateKey, 'one', { typ });
      expect((await call(authorization(one))).status).toBe(200);
    },
  );

  it.each([
    ['logout+jwt'],
    ['dpop+jwt'],
    ['application/secevent+jwt'],
    ['ID'],
    ['at+jwt2'],
    [''],
    [7],
    [null],
  ])('refuses a token that was made for something else: its type is %s', async (typ) => {
    const call = await authenticatedServer(await settings());
    const reply = await call(authorization(await token({}, keys.privateKey, 'one', { typ })));
    expect([reply.status, reply.body['error'], reply.body['error_description']]).toEqual([
      401,
      'invalid_token',
      'the typ of the token is not at+jwt or JWT',
    ]);
  });

  it('a request with credentials of another scheme gets a challenge without an error', async () => {
    const call = await authenticatedServer(await settings());
    const reply = await call({ authorization: 'Basic YTpi' });
    expect([reply.status, reply.headers['www-authenticate']]).toEqual([
      401,
      expect.not.stringContaining('error'),
    ]);
  });

  it('takes a clock that is a little off', async () => {
    const call = await authenticatedServer(await settings());
    const now = Math.floor(Date.now() / 1000);
    expect((await call(authorization(await token({ exp: now, nbf: now + 10 })))).status).toBe(200);
    expect((await call(authorization(await token({ exp: now - 3 })))).status).toBe(401);
  });

  it('asks for scopes, and says which are missing', async () => {
    const call = await authenticatedServer(await settings({ scopes: ['mcp:read', 'mcp:write'] }));
    for (const scope of ['mcp:write mcp:read more', ['mcp:read', 'mcp:write']])
      expect((await call(authorization(await token({ scope })))).status).toBe(200);
    const reply = await call(authorization(await token({ scope: 'mcp:read' })));
    expect(reply.status).toBe(403);
    expect(reply.headers['www-authenticate']).toMatch(
      /error="insufficient_scope".*scope="mcp:read mcp:write"/,
    );
  });

  it('says where its metadata is, by the name that it was called or the one it was given', async () => {
    const call = await authenticatedServer(await settings());
    const challenge =
      /resource_metadata="http:\/\/127\.0\.0\.1:\d+\/\.well-known\/oauth-protected-resource\/mcp"/;
    expect((await call()).headers['www-authenticate']).toMatch(challenge);
    const named = await authenticatedServer(await settings({ resource: new URL('https://gw.example/mcp') }));
    expect((await named()).headers['www-authenticate']).toContain(
      'resource_metadata="https://gw.example/.well-known/oauth-protected-resource/mcp"',
    );
  });

  it('fetches the keys of a URL once, and again for a key that is new', async () => {
    let asked = 0;
    let served: object = { keys: [] };
    const server = createServer((_, response) => {
      asked += 1;
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(served));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`);
    const call = await authenticatedServer(await settings({ jwks: { url } }));
    expect(asked).toBe(0);
    served = jwks;
    const good = authorization(await token());
    for (let i = 0; i < 3; i += 1) expect((await call(good)).status).toBe(200);
    expect(asked).toBe(1);
    // A flood of made-up key ids is no flood at the issuer.
    for (let i = 0; i < 3; i += 1)
      expect((await call(authorization(await token({}, keys.privateKey, `k${i}`)))).status).toBe(401);
    expect(asked).toBe(1);
  });

  it.each([
    ['a good certificate', 'localhost', false, 200],
    ['one that is a CA itself', 'localhost', true, 503],
    ['one of another name', 'elsewhere.example', false, 503],
  ])('judges the server of its keys by a certificate: %s', async (_, name, isCa, status) => {
    const root = await ca('Root');
    const issued = await leaf(root, { sans: parseSans(`DNS:${name}`) });
    const { certPem, keyPem } = isCa ? resigned(issued, root, { ca: true }) : issued;
    const server = createSecureServer({ cert: certPem, key: keyPem }, (_request, response) => {
      response.end(JSON.stringify(jwks));
    });
    await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
    onTestFinished(() => server.closeAllConnections());
    onTestFinished(() => void server.close());
    // In place of a public one: what `NODE_EXTRA_CA_CERTS` does at the start.
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'ca.crt'), root.certPem);
    const url = `https://localhost:${(server.address() as AddressInfo).port}/jwks`;
    const script = `
      import { openAuthenticator } from ${JSON.stringify(resolve(import.meta.dirname, '../../../dist/gateway/auth/index.js'))};
      const log = { debug() {}, info() {}, warn() {}, error() {} };
      const settings = ${JSON.stringify({ ...(await settings()), jwks: undefined })};
      for (;;) {
        const authenticator = await openAuthenticator({ ...settings, jwks: { url: new URL(${JSON.stringify(url)}) } }, { log, now: () => new Date() });
        const { kind, error } = await authenticator.judge({ authorization: ${JSON.stringify(`Bearer ${await token()}`)} });
        // On a busy machine: what it says of the certificate is still to come.
        if (error?.message.includes('timed out')) continue;
        console.log(kind === 'known' ? 200 : 503, error?.message);
        process.exit();
      }`;
    const env = { NODE_EXTRA_CA_CERTS: join(folder, 'ca.crt') };
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { env });
    expect(stdout).toContain(String(status));
    if (isCa) expect(stdout).toContain('CA:TRUE');
  });

  it('answers 503 while nobody can say whether a token is good', async () => {
    const call = await authenticatedServer(
      await settings({ jwks: { url: new URL('http://127.0.0.1:9/jwks') } }),
    );
    const reply = await call(authorization(await token()));
    expect([reply.status, reply.body['code'], reply.headers['retry-after']]).toEqual([
      503,
      'SALLY_JWKS_UNAVAILABLE',
      '5',
    ]);
  });

  it('does not start with a file that holds no keys', async () => {
    const file = join(await temporaryFolder(), 'jwks.json');
    await writeFile(file, '{"keys": 1}');
    const opening = openAuthenticator(await settings({ jwks: { file } }), {
      log: silentLogger,
      now: () => new Date(),
    });
    await expect(opening).rejects.toSatisfy(JwksInvalid.is);
  });
});
