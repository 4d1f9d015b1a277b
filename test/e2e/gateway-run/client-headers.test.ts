import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../support/folder.js';
import { legacyClient, modernClient, plugin, startGateway } from '../../support/gateway-run.js';
import { type Seen, serveModern, serveSessions } from '../../support/mcp-fixture.js';

const echo = { name: 'echo', arguments: { text: 'x' } };
const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

/** The headers that came with the requests of this method. */
const headersOf = ({ requests }: Pick<Seen, 'requests'>, method: string) =>
  requests.filter(({ body }) => body.includes(`"method":"${method}"`)).map(({ headers }) => headers);

const { publicKey, privateKey } = await generateKeyPair('ES256');
const tokenOf = (sub: string, claims: object = {}) =>
  new SignJWT({ iss: 'https://issuer.example', aud: 'gw', sub, ...claims })
    .setProtectedHeader({ alg: 'ES256', kid: 'one' })
    .setExpirationTime('1m')
    .sign(privateKey);

async function jwtAuth() {
  const file = join(await temporaryFolder(), 'jwks.json');
  const keys = [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' }];
  await writeFile(file, JSON.stringify({ keys }));
  return { kind: 'jwt', issuer: 'https://issuer.example', audience: 'gw', jwks: file };
}

const rules = {
  'X-Fixed': 'yes',
  pass: ['X-Request-Id'],
  from_client: {
    'X-User': '{{ user }}',
    'X-Tenant': '{{ tenant }}',
    'X-Dept': '{{ claims.dept | default("none") }}',
    'X-From': '{{ auth_method }} {{ client_host }}',
  },
};

for (const [era, serve] of [
  ['2025-11-25', serveSessions],
  ['2026-07-28', serveModern],
] as const) {
  for (const [of, connect] of [
    ['sessions', legacyClient],
    ['2026-07-28', modernClient],
  ] as const) {
    it(`tells an upstream of ${era} of its clients of ${of}, each request of its own`, async () => {
      const { url, seen } = await serve();
      const gateway = await startGateway({
        gateway: { auth: await jwtAuth(), upstreams: { web: { url, headers: rules } } },
      });
      for (const [user, dept, id] of [
        ['ada', 'research', 'r-1'],
        ['bob', undefined, undefined],
        ['ada', 'sales', 'r-2'],
      ] as const) {
        const token = await tokenOf(user, dept && { dept });
        const spoof = {
          'X-User': 'root',
          'X-Dept': 'board',
          'X-Other': 'no',
          Cookie: 'a=b',
          'X-Api-Key': 'k',
        };
        const headers = { ...spoof, traceparent: trace, ...(id && { 'X-Request-Id': id }) };
        const client = await connect(gateway.url, { token, headers });
        await client.callTool(echo);
        const sent = headersOf(seen, 'tools/call').at(-1);
        expect(sent).toMatchObject({
          'x-fixed': 'yes',
          'x-user': user,
          'x-dept': dept ?? 'none',
          'x-from': expect.stringMatching(/^jwt (::ffff:)?127\.0\.0\.1$/),
          traceparent: trace,
        });
        expect(sent?.['x-request-id']).toBe(id);
        for (const name of ['x-tenant', 'x-other', 'cookie', 'x-api-key', 'authorization'])
          expect(sent).not.toHaveProperty(name);
      }
    });
  }
}

it('opens each session of an upstream in the name of its user, and none for nobody that somebody then has', async () => {
  const { url, seen } = await serveSessions();
  const gateway = await startGateway({
    gateway: { auth: await jwtAuth(), upstreams: { web: { url, headers: rules } } },
  });
  for (const user of ['ada', 'bob']) {
    const client = await legacyClient(gateway.url, { token: await tokenOf(user) });
    await client.callTool(echo);
    const session = headersOf(seen, 'tools/call').at(-1)?.['mcp-session-id'];
    const opened = headersOf(seen, 'initialize').at(-1);
    expect(opened?.['x-user']).toBe(user);
    const ofSession = seen.requests.filter(({ headers }) => headers['mcp-session-id'] === session);
    expect(ofSession.length).toBeGreaterThan(2);
    expect(new Set(ofSession.map(({ headers }) => headers['x-user']))).toEqual(new Set([user]));
  }
});

it('sends a credential of the client to the one upstream that names it', async () => {
  const [named, other] = [await serveSessions(), await serveModern()];
  const gateway = await startGateway({
    plugins: [plugin('echoes-headers.mjs', { hooks: ['tool_pre_invoke'] })],
    gateway: {
      upstreams: {
        named: { url: named.url, headers: { pass_credentials: ['Authorization', 'X-Api-Key'] } },
        other: { url: other.url, headers: { pass: ['x-lang'] } },
      },
    },
  });
  const client = await legacyClient(gateway.url, {
    token: 't0ken',
    headers: { 'X-Api-Key': 'k3y', 'X-Lang': 'de' },
  });
  await client.callTool({ ...echo, name: 'named__echo' });
  await client.callTool({ ...echo, name: 'other__echo' });
  expect(headersOf(named.seen, 'tools/call').at(-1)).toMatchObject({
    authorization: 'Bearer t0ken',
    'x-api-key': 'k3y',
  });
  const sent = headersOf(other.seen, 'tools/call').at(-1);
  expect(sent).toMatchObject({ 'x-lang': 'de' });
  expect(JSON.stringify(other.seen.requests)).not.toMatch(/t0ken|k3y/);
  expect(JSON.stringify(gateway.log)).not.toMatch(/t0ken|k3y/);
});

it('sends a header that a plugin has set to the value of the client where pass names it, and no other', async () => {
  const [passes, others] = [await serveSessions(), await serveSessions()];
  const gateway = await startGateway({
    plugins: [plugin('echoes-headers.mjs', { hooks: ['tool_pre_invoke'] })],
    gateway: {
      upstreams: { passes: { url: passes.url, headers: { pass: ['x-trace'] } }, others: { url: others.url } },
    },
  });
  const client = await legacyClient(gateway.url, {
    headers: { 'X-Trace': 'of-client', 'X-Own': 'of-client' },
  });
  for (const name of ['passes', 'others']) await client.callTool({ ...echo, name: `${name}__echo` });
  const [there, elsewhere] = [passes, others].map(({ seen }) => headersOf(seen, 'tools/call').at(-1));
  expect(there).toMatchObject({ 'x-trace': 'of-client', 'x-new': 'of-plugin' });
  expect(there).not.toHaveProperty('x-own');
  expect(elsewhere).toMatchObject({ 'x-new': 'of-plugin' });
  expect(elsewhere).not.toHaveProperty('x-trace');
});

it('fails a call whose identity cannot stand in a header, and sends nothing', async () => {
  const { url, seen } = await serveSessions();
  const gateway = await startGateway({
    gateway: { auth: await jwtAuth(), upstreams: { web: { url, headers: rules } } },
  });
  const client = await legacyClient(gateway.url, { token: await tokenOf('ada', { dept: 'a\r\nX-Evil: 1' }) });
  await expect(client.callTool(echo)).rejects.toThrow('SALLY_UPSTREAM_HEADER');
  expect(headersOf(seen, 'tools/call')).toEqual([]);
  expect(JSON.stringify(seen.requests)).not.toContain('evil');
});

it('serves a session of several workers with the headers of each request', async () => {
  const { url, seen } = await serveSessions();
  const gateway = await startGateway(
    {
      gateway: {
        auth: await jwtAuth(),
        upstreams: { web: { url, headers: { ...rules, pass_credentials: ['x-api-key'] } } },
      },
    },
    { args: ['--workers', '2'] },
  );
  const token = await tokenOf('ada', { dept: 'research' });
  const client = await legacyClient(gateway.url, {
    token,
    headers: { 'X-Api-Key': 'k3y', 'X-Request-Id': 'r' },
  });
  // Each goes over a connection of its own, and so to one worker or the other.
  await Promise.all(Array.from({ length: 6 }, () => client.callTool(echo)));
  for (const sent of headersOf(seen, 'tools/call'))
    expect(sent).toMatchObject({
      'x-user': 'ada',
      'x-dept': 'research',
      'x-api-key': 'k3y',
      'x-request-id': 'r',
    });
  expect(headersOf(seen, 'tools/call')).toHaveLength(6);
});

it('passes the trace context on to a child process in _meta', async () => {
  const gateway = await startGateway({
    gateway: {
      upstreams: {
        child: { command: process.execPath, args: [join(import.meta.dirname, '../../support/mcp-meta.mjs')] },
      },
    },
  });
  const client = await legacyClient(gateway.url, {
    headers: { traceparent: trace, tracestate: 'a=b', baggage: 'c=d' },
  });
  const { content } = await client.callTool({ name: 'meta', arguments: {} });
  expect(JSON.parse((content as { text: string }[])[0]?.text ?? '')).toMatchObject({
    traceparent: trace,
    tracestate: 'a=b',
    baggage: 'c=d',
  });
  const own = await client.callTool({ name: 'meta', arguments: {}, _meta: { traceparent: 'own' } });
  expect((own.content as { text: string }[])[0]?.text).toContain('"traceparent":"own"');
});
