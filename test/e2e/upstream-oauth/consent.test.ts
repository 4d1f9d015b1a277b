import { randomBytes } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  Client as ModernClient,
  StreamableHTTPClientTransport as ModernTransport,
} from '@modelcontextprotocol/client';
import { Agent, fetch } from 'undici';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { stringify } from 'yaml';
import {
  type AuthorizationServer,
  gatewayAudience,
  startAuthorizationServer,
  userToken,
} from '../../support/authorization-server.js';
import { openBrowser, type Page } from '../../support/browser.js';
import { cert } from '../../support/certs.js';
import { sallyport } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { fetchOver, firstText, legacyClient, modernClient, startGateway } from '../../support/gateway-run.js';
import { patience } from '../../support/patience.js';
import { serveProtected } from '../../support/protected-mcp.js';
import { freePort } from '../../support/upstreams.js';

const whoami = { name: 'whoami', arguments: {} };
const more = {
  features: {
    registration: { enabled: true },
  },
  scopes: ['openid', 'offline_access', 'read', 'write', 'admin'],
  rotateRefreshToken: true,
};

async function gatewayOf(
  server: AuthorizationServer,
  url: string,
  folder: string,
  port: number,
  more: { oauth?: object; gateway?: object } = {},
) {
  const jwks = join(folder, 'jwks.json');
  await writeFile(jwks, JSON.stringify(server.jwks));
  await writeFile(join(folder, 'vault.key'), randomBytes(32).toString('base64'), { flag: 'a' });
  return startGateway(
    {
      gateway: {
        auth: { kind: 'jwt', issuer: server.issuer, audience: gatewayAudience, jwks },
        oauth: {
          base_url: `http${'tls' in (more.gateway ?? {}) ? 's' : ''}://localhost:${port}`,
          tokens_file: join(folder, 'upstream-tokens.json'),
          key_file: join(folder, 'vault.key'),
        },
        upstreams: {
          crm: {
            url,
            oauth: {
              grant: 'authorization_code',
              issuer: server.issuer,
              scopes: ['read'],
              tls: { ca_bundle: cert('ca.crt') },
              ...more.oauth,
            },
          },
        },
        ...more.gateway,
      },
    },
    { args: ['--port', String(port)], env: { LOG_LEVEL: 'DEBUG' } },
  );
}

const linkIn = (text: string) => /https?:\/\/\S+\/oauth\/connect\/\S+/.exec(text)?.[0] ?? '';
const codeIn = ({ text }: Page) => /class="code">([A-Z0-9-]+)</.exec(text)?.[1] ?? '';
const toolsOf = async (client: { listTools(): Promise<{ tools: { name: string }[] }> }) =>
  (await client.listTools()).tools.map(({ name }) => name);

it('asks a user in a browser once, and calls with the token of that user from then on, after a restart too', async () => {
  const server = await startAuthorizationServer({ more, ttl: 3 });
  const upstream = await serveProtected(server);
  const folder = await temporaryFolder();
  const port = await freePort();
  const gateway = await gatewayOf(server, upstream.url, folder, port);
  const ada = await modernClient(gateway.url, { token: await userToken(server, 'ada') });
  expect(await toolsOf(ada)).toEqual(['sign_in']);
  const link = linkIn(firstText(await ada.callTool({ name: 'sign_in', arguments: {} })));
  const browser = await openBrowser();
  const shown = await browser.consent(link, 'ada@crm');
  expect(shown.text).toContain('Give this code to the tool');
  // Until the code is shown nobody has the token.
  expect(await toolsOf(ada)).toEqual(['sign_in']);
  const wrong = await ada.callTool({ name: 'sign_in', arguments: { code: 'AAAA-AAAA' } });
  expect(wrong.isError).toBe(true);
  const done = await ada.callTool({ name: 'sign_in', arguments: { code: codeIn(shown) } });
  expect(firstText(done)).toContain('You are signed in');
  await vi.waitFor(async () => expect(await toolsOf(ada)).toEqual(['whoami']), patience(10_000));
  expect(firstText(await ada.callTool(whoami))).toBe('ada@crm whoami');
  // Another user is asked for itself.
  const bob = await legacyClient(gateway.url, { token: await userToken(server, 'bob') });
  expect(await toolsOf(bob)).toEqual(['sign_in']);

  const path = join(folder, 'upstream-tokens.json');
  const stored = await readFile(path, 'utf8');
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(JSON.parse(stored).upstream_tokens).toMatchObject([{ upstream: 'crm', user: 'ada' }]);
  const tokens = upstream.callers.map(({ token }) => token);
  for (const secret of [...tokens, codeIn(shown)]) {
    expect(stored).not.toContain(secret);
    expect(JSON.stringify(gateway.log)).not.toContain(secret);
  }
  await gateway.stop();

  const next = await gatewayOf(server, upstream.url, folder, await freePort());
  const again = await modernClient(next.url, { token: await userToken(server, 'ada') });
  expect(firstText(await again.callTool(whoami))).toBe('ada@crm whoami');
  const { stdout } = await sallyport(['token', 'list', '--file', path]);
  expect(stdout).toMatch(/^id +upstream +user +renewed\n[0-9a-f]{12} +crm +ada +\d{4}-\d\d-\d\d\n$/);
  const [id = ''] = /[0-9a-f]{12}/.exec(stdout) ?? [];
  expect((await sallyport(['token', 'forget', '--file', path, id])).stdout).toBe(`forgotten: ${id}\n`);
  const grants = server.requests.map(({ parameters }) => parameters['grant_type']);
  expect(grants[0]).toBe('authorization_code');
  expect(grants.slice(1).every((grant) => grant === 'refresh_token')).toBe(true);
  await vi.waitFor(async () => expect(await toolsOf(again)).toEqual(['sign_in']), patience(10_000));
  expect(server.requests.every(({ parameters }) => parameters['resource'] === upstream.url)).toBe(true);
});

it('gives nothing to who began for the consent of somebody else, and nothing to another browser', async () => {
  const server = await startAuthorizationServer({ more });
  const upstream = await serveProtected(server);
  const port = await freePort();
  const gateway = await gatewayOf(server, upstream.url, await temporaryFolder(), port);
  const eve = await legacyClient(gateway.url, { token: await userToken(server, 'eve') });
  const link = linkIn(firstText(await eve.callTool({ name: 'sign_in', arguments: {} })));
  const victim = await openBrowser();
  const first = await victim.go(link);
  expect(first.text).toContain('<strong>eve</strong> asks to use');
  const shown = await victim.consent(link, 'ada@crm');
  // Ada's own client does not take the code of what eve began, and eve has not seen it.
  const ada = await legacyClient(gateway.url, { token: await userToken(server, 'ada') });
  const tried = await ada.callTool({ name: 'sign_in', arguments: { code: codeIn(shown) } });
  expect(tried.isError).toBe(true);
  for (let i = 0; i < 6; i += 1) await eve.callTool({ name: 'sign_in', arguments: { code: `ABCD-EFG${i}` } });
  // After five wrong ones the right one does not count either.
  expect((await eve.callTool({ name: 'sign_in', arguments: { code: codeIn(shown) } })).isError).toBe(true);
  expect(upstream.callers).toEqual([]);

  const own = linkIn(firstText(await eve.callTool({ name: 'sign_in', arguments: {} })));
  const mallory = await openBrowser();
  const login = await mallory.submit(await mallory.go(own));
  const at = mallory.visited.find((url) => url.includes('/auth?')) ?? '';
  const state = new URL(at).searchParams.get('state') ?? '';
  expect(login.status).toBe(200);
  const other = await openBrowser();
  const page = await other.go(`http://localhost:${port}/oauth/callback?code=x&state=${state}`);
  expect([page.status, page.text]).toEqual([400, expect.stringContaining('another browser')]);
  expect((await other.go(`http://localhost:${port}/oauth/callback?code=x&state=wrong`)).status).toBe(404);
  expect((await other.go(`http://localhost:${port}/oauth/connect/wrong`)).status).toBe(404);
});

it('tells a client that opens links which one to open, by the error that MCP has for it', async () => {
  const server = await startAuthorizationServer({ more });
  const upstream = await serveProtected(server);
  const port = await freePort();
  const gateway = await gatewayOf(server, upstream.url, await temporaryFolder(), port);
  const { Client } = await import('@modelcontextprotocol/sdk/client/index.js');
  const client = new Client({ name: 'opens', version: '1' }, { capabilities: { elicitation: { url: {} } } });
  await legacyClient(gateway.url, { token: await userToken(server, 'ada'), client });
  const error = await client.callTool({ name: 'sign_in', arguments: {} }).then(
    () => undefined,
    (thrown: unknown) => thrown as { code: number; data: { elicitations: { mode: string; url: string }[] } },
  );
  expect(error?.code).toBe(-32042);
  expect(error?.data.elicitations).toMatchObject([
    { mode: 'url', url: expect.stringContaining('/oauth/connect/') },
  ]);
});

it('is known by the document that it serves, where the server reads such', async () => {
  const gatewayPort = await freePort();
  const dispatcher = new Agent({ connect: { ca: await readFile(cert('ca.crt')) } });
  onTestFinished(() => dispatcher.destroy());
  const server = await startAuthorizationServer({
    more: {
      ...more,
      // The document is at the gateway, which is this machine.
      features: { clientIdMetadataDocument: { enabled: true, ack: 'draft-02' } },
      fetch: (url: string, options: object) => fetch(url, { ...options, dispatcher } as never),
    },
  });
  const upstream = await serveProtected(server);
  const tls = { certfile: cert('server.crt'), keyfile: cert('server.key'), ssl_cert_reqs: 0 };
  const gateway = await gatewayOf(server, upstream.url, await temporaryFolder(), gatewayPort, {
    gateway: { tls },
  });
  const over = await fetchOver();
  const id = `https://localhost:${gatewayPort}/oauth/client.json`;
  const document = await (await over(id)).json();
  expect(document).toMatchObject({
    client_id: id,
    redirect_uris: [`https://localhost:${gatewayPort}/oauth/callback`],
    token_endpoint_auth_method: 'none',
  });
  const url = `https://localhost:${gatewayPort}/mcp`;
  const client = await legacyClient(url, { token: await userToken(server, 'ada'), fetch: over });
  const link = linkIn(firstText(await client.callTool({ name: 'sign_in', arguments: {} })));
  const browser = await openBrowser();
  const code = codeIn(await browser.consent(link, 'ada@crm'));
  await client.callTool({ name: 'sign_in', arguments: { code } });
  expect(firstText(await client.callTool(whoami))).toBe('ada@crm whoami');
  expect(browser.visited.some((at) => new URL(at).searchParams.get('client_id') === id)).toBe(true);
  expect(server.requests.map(({ parameters }) => parameters['client_id'])).toEqual([id]);
  expect(server.paths).not.toContain('/reg');
  expect(gateway.log.filter(({ level }) => level > 40)).toEqual([]);
});

describe('a client of 2026-07-28 that opens links', () => {
  it.each([
    ['accept', 'Call the tool sign_in of crm with the code'],
    ['decline', 'The link was not opened'],
  ] as const)('is asked within its call, and may %s', async (action, text) => {
    const server = await startAuthorizationServer({ more });
    const upstream = await serveProtected(server);
    const port = await freePort();
    const gateway = await gatewayOf(server, upstream.url, await temporaryFolder(), port);
    const token = await userToken(server, 'ada');
    const client = new ModernClient(
      { name: 'opens', version: '1' },
      { capabilities: { elicitation: { url: {} } }, versionNegotiation: { mode: 'auto' } },
    );
    let code = '';
    client.setRequestHandler('elicitation/create', async ({ params }) => {
      const { mode, url = '' } = params as { mode?: string; url?: string };
      expect(mode).toBe('url');
      if (action === 'accept') code = codeIn(await (await openBrowser()).consent(url, 'ada@crm'));
      return { action };
    });
    const headers = { Authorization: `Bearer ${token}` };
    await client.connect(new ModernTransport(new URL(gateway.url), { requestInit: { headers } }));
    onTestFinished(() => client.close());
    const asked = await client.callTool({ name: 'sign_in', arguments: {} });
    expect(firstText(asked)).toContain(text);
    if (action === 'decline') {
      expect(await toolsOf(client)).toEqual(['sign_in']);
      return;
    }
    await client.callTool({ name: 'sign_in', arguments: { code } });
    expect(firstText(await client.callTool(whoami))).toBe('ada@crm whoami');
  });
});

it.each([
  ['authorization_code', {}],
  ['token_exchange', { client_id: 'x', client_auth: 'none' }],
])('is refused with the grant %s over stdio, where nobody shows or gets a token', async (grant, oauth) => {
  const folder = await temporaryFolder();
  const jwks = join(folder, 'jwks.json');
  await writeFile(jwks, '{"keys":[]}');
  const upstreams = {
    crm: { url: 'https://crm.example/mcp', oauth: { grant, issuer: 'https://idp.example', ...oauth } },
  };
  const auth = { kind: 'jwt', issuer: 'https://idp.example', audience: 'https://gw.example/mcp', jwks };
  const file = { gateway: { auth, oauth: { base_url: 'http://localhost:4444' }, upstreams } };
  await writeFile(join(folder, 'gateway.yaml'), stringify({ plugins: [], ...file }));
  const ended = await sallyport(['gateway', '--config', 'gateway.yaml', '--stdio'], { cwd: folder });
  expect(ended.status).toBe(2);
  expect(ended.stderr).toContain(`the upstream 'crm' is asked with tokens of its users (grant: ${grant})`);
  expect(ended.stderr).toContain('SALLY_OAUTH_STDIO');
});
