// Clients in a real Chromium: a page of a listed origin with the TypeScript SDK, and one of an origin that is not listed.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { launchChromium } from './chromium.mjs';

const root = resolve(import.meta.dirname, '..');
const closing = [];
const folder = await mkdtemp(join(tmpdir(), 'sallyport-browser-'));
closing.push(() => rm(folder, { recursive: true, force: true }));

/** Where a page finds the modules of the SDK: what a bundler would look up. */
const modules = '/node_modules';
const sdk = `${modules}/@modelcontextprotocol`;
const importMap = {
  imports: {
    '@modelcontextprotocol/client': `${sdk}/client/dist/index.mjs`,
    '@modelcontextprotocol/client/_shims': `${sdk}/client/dist/shimsBrowser.mjs`,
    '@modelcontextprotocol/core': `${sdk}/core/dist/index.mjs`,
    '@modelcontextprotocol/core/internal': `${sdk}/core/dist/internal.mjs`,
    eventsource: `${modules}/eventsource/dist/index.js`,
    'eventsource-parser': `${modules}/eventsource-parser/dist/index.js`,
    'eventsource-parser/stream': `${modules}/eventsource-parser/dist/stream.js`,
    'pkce-challenge': `${modules}/pkce-challenge/dist/index.browser.js`,
    'zod/v4': `${modules}/zod/v4/index.js`,
  },
};
const page = `<!doctype html><script type="importmap">${JSON.stringify(importMap)}</script><title>page</title>`;
const types = { '.js': 'text/javascript', '.mjs': 'text/javascript' };

/** A site of its own origin; returns the origin. */
async function site() {
  const server = createServer(async ({ url = '/' }, response) => {
    const file = join(root, url.split('?')[0]);
    const type = types[extname(file)];
    if (!url.startsWith(`${modules}/`) || type === undefined || url.includes('..')) {
      return response.writeHead(200, { 'Content-Type': 'text/html' }).end(page);
    }
    try {
      response.writeHead(200, { 'Content-Type': type }).end(await readFile(file));
    } catch {
      response.writeHead(404).end();
    }
  }).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}`;
}

const { publicKey, privateKey } = await generateKeyPair('ES256');
const jwks = join(folder, 'jwks.json');
await writeFile(
  jwks,
  JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' }] }),
);
const [listed, other] = [await site(), await site()];
const everything = join(root, 'node_modules/@modelcontextprotocol/server-everything/dist/index.js');
const auth = { kind: 'jwt', issuer: 'https://issuer.example', audience: 'gw', jwks };
const upstreams = { all: { command: process.execPath, args: [everything, 'stdio'] } };
await writeFile(
  join(folder, 'gateway.yaml'),
  JSON.stringify({ plugins: [], gateway: { auth, allowed_origins: [listed], upstreams } }),
);
const gateway = spawn(
  process.execPath,
  [join(root, 'dist/cli/main.js'), 'gateway', '--config', 'gateway.yaml', '--port', '0'],
  { cwd: folder, env: { ...process.env, LOG_FORMAT: 'json' }, stdio: ['ignore', 'ignore', 'pipe'] },
);
closing.push(() => gateway.kill());
const url = await new Promise((done, fail) => {
  gateway.once('exit', () => fail(new Error('the gateway ended')));
  createInterface({ input: gateway.stderr }).on('line', (line) => {
    const said = line.startsWith('{') ? JSON.parse(line) : {};
    if (said.url) done(said.url);
  });
});
const token = await new SignJWT({ iss: auth.issuer, aud: auth.audience, sub: 'ada' })
  .setProtectedHeader({ alg: 'ES256', kid: 'one' })
  .setExpirationTime('5m')
  .sign(privateKey);

const browser = await launchChromium();
closing.push(() => browser.close());

let failed = 0;
/** Runs `work` in a page of this origin, and compares what it returns. */
async function expect(what, origin, work, expected) {
  const tab = await browser.newPage();
  await tab.goto(origin);
  const seen = await tab.evaluate(work, { url, token }).catch((error) => String(error));
  await tab.close();
  const same = JSON.stringify(seen) === JSON.stringify(expected);
  if (!same) failed += 1;
  process.stdout.write(
    `${same ? 'ok  ' : 'FAIL'}  ${what}${same ? '' : `\n      ${JSON.stringify(seen)}\n      expected ${JSON.stringify(expected)}`}\n`,
  );
}

const call = async ({ url, token }, mode) => {
  const { Client, StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client');
  const options = mode === 'modern' ? { versionNegotiation: { mode: 'auto' } } : {};
  const client = new Client({ name: 'page', version: '1.0.0' }, options);
  const requestInit = { headers: { Authorization: `Bearer ${token}`, 'X-Request-Id': 'of-the-page' } };
  const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit });
  await client.connect(transport);
  const { tools } = await client.listTools();
  const result = await client.callTool({ name: 'echo', arguments: { message: 'from a page' } });
  const progress = [];
  await client.callTool(
    { name: 'trigger-long-running-operation', arguments: { duration: 0.4, steps: 2 } },
    { onprogress: ({ progress: at }) => progress.push(at) },
  );
  const hasSession = transport.sessionId !== undefined;
  if (hasSession) await transport.terminateSession();
  await client.close();
  return [tools.length > 3, result.content[0].text, progress, hasSession];
};
const inPage = (mode) => new Function('deps', `return (${call})(deps, '${mode}')`);

try {
  const echoed = 'Echo: from a page';
  await expect('the SDK with a session: lists, calls, progress, the end', listed, inPage('legacy'), [
    true,
    echoed,
    [1, 2],
    true,
  ]);
  await expect('the SDK with 2026-07-28', listed, inPage('modern'), [true, echoed, [1, 2], false]);
  await expect(
    'a page without a token reads the 401, its challenge and the metadata that it names',
    listed,
    async ({ url }) => {
      const reply = await fetch(url, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: '{}',
      });
      const [, metadata] = /resource_metadata="([^"]+)"/.exec(reply.headers.get('WWW-Authenticate')) ?? [];
      const { resource, authorization_servers } = await (await fetch(metadata)).json();
      return [reply.status, resource === url, authorization_servers];
    },
    [401, true, [auth.issuer]],
  );
  await expect(
    'a page reads what is wrong with its request',
    listed,
    async ({ url, token }) => {
      const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` };
      const replies = [];
      for (const body of ['nonsense', '[]']) {
        const reply = await fetch(url, { method: 'POST', headers, body });
        replies.push([reply.status, typeof (await reply.json()).error.code]);
      }
      const missing = await fetch(new URL('/nothing', url));
      return [...replies, missing.status];
    },
    [[400, 'number'], [400, 'number'], 404],
  );
  await expect(
    'a page of another origin of this machine reads nothing',
    other,
    async ({ url, token }) => {
      const tries = [
        fetch(url, {
          method: 'POST',
          headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
          body: '{}',
        }),
        fetch(new URL('/.well-known/oauth-protected-resource', url)),
        fetch(new URL('/health', url)),
      ];
      return (await Promise.allSettled(tries)).map(({ status }) => status);
    },
    ['rejected', 'rejected', 'rejected'],
  );
} finally {
  for (const close of closing.reverse()) await close();
}
process.exit(failed > 0 ? 1 : 0);
