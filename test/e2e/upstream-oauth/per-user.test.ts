import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { expect, it } from 'vitest';
import { CallerTokens } from '../../../src/gateway/auth/index.js';
import { type Identity, principalOf } from '../../../src/gateway/client.js';
import {
  type AuthorizationServer,
  gatewayAudience,
  jwtBearer,
  secretClient,
  startAuthorizationServer,
  tokenExchange,
  userToken,
} from '../../support/authorization-server.js';
import { cert } from '../../support/certs.js';
import { sallyport } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { firstText, legacyClient, modernClient, startGateway } from '../../support/gateway-run.js';
import { openOauth } from '../../support/oauth-upstream.js';
import { serveProtected } from '../../support/protected-mcp.js';
import { httpUpstream, patient, sessionRequest, textOf } from '../../support/upstreams.js';

const whoami = { name: 'whoami', arguments: {} };

/** A gateway whose clients come with tokens of `server`, and that asks `upstreams` with tokens of each user. */
async function gatewayOf(
  server: AuthorizationServer,
  upstreams: Record<string, { url: string }>,
  grant: string,
  args: string[] = [],
) {
  const folder = await temporaryFolder();
  const jwks = join(folder, 'jwks.json');
  const secret = join(folder, 'secret');
  await writeFile(jwks, JSON.stringify(server.jwks));
  await writeFile(secret, secretClient.client_secret);
  const oauth = {
    grant,
    issuer: server.issuer,
    client_id: secretClient.client_id,
    client_secret_file: secret,
    scopes: ['read'],
    tls: { ca_bundle: cert('ca.crt') },
  };
  const auth = { kind: 'jwt', issuer: server.issuer, audience: gatewayAudience, jwks };
  const entries = Object.entries(upstreams).map(([name, { url }]) => [name, { url, oauth }]);
  return startGateway(
    { gateway: { auth, upstreams: Object.fromEntries(entries) } },
    { args, env: { LOG_LEVEL: 'DEBUG' } },
  );
}

for (const [grant, type, parameter] of [
  ['token_exchange', tokenExchange, 'subject_token'],
  ['jwt_bearer', jwtBearer, 'assertion'],
] as const)
  it(`calls with a token of each user, got by ${grant} from the one that the user came with`, async () => {
    const server = await startAuthorizationServer();
    const upstream = await serveProtected(server);
    const gateway = await gatewayOf(server, { crm: upstream }, grant);
    const tokens = { ada: await userToken(server, 'ada'), bob: await userToken(server, 'bob') };
    const ada = await modernClient(gateway.url, { token: tokens.ada });
    const bob = await legacyClient(gateway.url, { token: tokens.bob });
    const again = await legacyClient(gateway.url, { token: tokens.ada });
    for (const [client, user] of [
      [ada, 'ada'],
      [bob, 'bob'],
      [again, 'ada'],
      [ada, 'ada'],
    ] as const) {
      expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['whoami']);
      expect(firstText(await client.callTool(whoami))).toBe(`${user} whoami`);
    }
    // One token for all that a user calls.
    expect(server.requests.map(({ parameters }) => parameters[parameter]).sort()).toEqual(
      Object.values(tokens).sort(),
    );
    expect(
      server.requests.map(({ parameters }) => [parameters['grant_type'], parameters['resource']]),
    ).toEqual([
      [type, upstream.url],
      [type, upstream.url],
    ]);
    // The tokens of callers are for the gateway alone.
    const seen = JSON.stringify(upstream.seen.requests);
    for (const token of Object.values(tokens)) expect(seen).not.toContain(token);
    const all = [
      ...Object.values(tokens),
      ...upstream.callers.map(({ token }) => token),
      secretClient.client_secret,
    ];
    const logged = JSON.stringify(gateway.log);
    for (const secret of all) expect(logged).not.toContain(secret);
  });

it('never mixes users up, however many call at once', async () => {
  const server = await startAuthorizationServer();
  const upstream = await serveProtected(server);
  const gateway = await gatewayOf(server, { crm: upstream }, 'token_exchange');
  const users = Array.from({ length: 12 }, (_, i) => `user-${i}`);
  const clients = await Promise.all(
    users.map(async (user, i) => {
      const token = await userToken(server, user);
      return i % 2 ? legacyClient(gateway.url, { token }) : modernClient(gateway.url, { token });
    }),
  );
  for (let round = 0; round < 5; round += 1) {
    const texts = await Promise.all(clients.map(async (client) => firstText(await client.callTool(whoami))));
    expect(texts).toEqual(users.map((user) => `${user} whoami`));
  }
  expect(server.requests).toHaveLength(users.length);
});

it('lets no token for an upstream outlive that of the caller', async () => {
  const server = await startAuthorizationServer();
  const upstream = await serveProtected(server);
  const gateway = await gatewayOf(server, { crm: upstream }, 'token_exchange');
  const short = await userToken(server, 'ada', 4);
  const client = await modernClient(gateway.url, { token: short });
  expect(firstText(await client.callTool(whoami))).toBe('ada whoami');
  const { exp = 0 } = decodeJwt(short);
  await new Promise((resolve) => setTimeout(resolve, exp * 1_000 - Date.now()));
  const long = await modernClient(gateway.url, { token: await userToken(server, 'ada') });
  expect(firstText(await long.callTool(whoami))).toBe('ada whoami');
  expect(server.requests).toHaveLength(2);
});

it('makes a token of that of the request which needs one, also where the user has come with another since', async () => {
  const server = await startAuthorizationServer();
  const upstream = await serveProtected(server);
  const callers = new CallerTokens([
    httpUpstream(upstream.url, { oauth: { grant: 'token_exchange' } as never }),
  ]);
  const arrive = async () => {
    const token = await userToken(server, 'ada');
    const identity: Identity = { user: 'ada', tenant: null, method: 'jwt' };
    callers.note({ identity, shown: { authorization: `Bearer ${token}` } });
    return { token, identity };
  };
  const [first, second] = [await arrive(), await arrive()];
  const opened = openOauth(
    upstream.url,
    { grant: 'token_exchange', issuer: new URL(server.issuer), scopes: ['read'] },
    { callers },
  );
  const request = sessionRequest({ principal: principalOf(first.identity) });
  const call = async ({ identity }: typeof first) => {
    const session = await opened.session(request, patient(), identity);
    const params = { name: 'whoami', arguments: {} };
    const from = { headers: {}, identity };
    return textOf(await session.request('tools/call', params, { signal: patient(), from }));
  };
  const exchanged = () => server.requests.map(({ parameters }) => parameters['subject_token']);
  expect(await call(first)).toBe('ada whoami');
  expect(await call(second)).toBe('ada whoami');
  expect(exchanged()).toEqual([first.token]);
  // The upstream wants another one.
  upstream.refused.add(upstream.callers.at(-1)?.token ?? '');
  expect(await call(second)).toBe('ada whoami');
  expect(exchanged()).toEqual([first.token, second.token]);
});

it('tells a user whose token is not taken what is the matter, and serves the others', async () => {
  const server = await startAuthorizationServer();
  const upstream = await serveProtected(server);
  const gateway = await gatewayOf(server, { crm: upstream, files: upstream }, 'token_exchange');
  const ada = await modernClient(gateway.url, { token: await userToken(server, 'ada') });
  upstream.state.refuseAll = true;
  await expect(ada.callTool({ ...whoami, name: 'crm__whoami' })).rejects.toThrow(/SALLY_UPSTREAM/);
  upstream.state.refuseAll = false;
  const bob = await modernClient(gateway.url, { token: await userToken(server, 'bob') });
  expect(firstText(await bob.callTool({ ...whoami, name: 'files__whoami' }))).toBe('bob whoami');
});

it('has the tokens of callers in every worker', async () => {
  const server = await startAuthorizationServer();
  const upstream = await serveProtected(server);
  const gateway = await gatewayOf(server, { crm: upstream }, 'token_exchange', ['--workers', '2']);
  const users = ['ada', 'bob', 'eve'];
  const clients = await Promise.all(
    users.flatMap((user) =>
      [1, 2, 3].map(async () => legacyClient(gateway.url, { token: await userToken(server, user) })),
    ),
  );
  const texts = await Promise.all(clients.map(async (client) => firstText(await client.callTool(whoami))));
  expect(texts).toEqual(users.flatMap((user) => Array(3).fill(`${user} whoami`)));
});

it('is looked at by the doctor without a token of anybody', async () => {
  const server = await startAuthorizationServer();
  const upstream = await serveProtected(server);
  const gateway = await gatewayOf(server, { crm: upstream }, 'token_exchange');
  const doctor = async () =>
    sallyport(['doctor', '--config', join(gateway.folder, 'gateway.yaml'), '--verbose'], {
      cwd: gateway.folder,
    });
  const { stdout } = await doctor();
  expect(stdout.replace(/\s+/g, ' ')).toContain(`it is there, and each user has a token of ${server.issuer}`);
  expect(server.requests).toEqual([]);
});
