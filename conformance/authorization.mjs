// What the suite judges where its server wants tokens: node conformance/authorization.mjs SERVER_URL
// A gateway whose upstream is that server. Its user signs in where the gateway says so, in a browser that is a few requests.
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { cleanEnv } from '../interop/lib/processes.mjs';
import { withGateway } from './lib/gateway.mjs';
import { root } from './lib/suite.mjs';

const [serverUrl] = process.argv.slice(2);
const scenario = process.env['MCP_CONFORMANCE_SCENARIO'] ?? '';
const revision = process.env['MCP_CONFORMANCE_PROTOCOL_VERSION'];
const context = JSON.parse(process.env['MCP_CONFORMANCE_CONTEXT'] ?? '{}');
/** As often as a server may want other scopes than it wanted before. */
const mostConsents = 3;

let token;
await withGateway(serverUrl, work, configure);

async function configure({ folder, port }) {
  const tokens = join(folder, 'tokens.json');
  const args = ['token', 'create', '--file', tokens, '--user', 'ada'];
  const made = execFileSync(process.execPath, [join(root, 'dist/cli/main.js'), ...args], {
    env: cleanEnv(),
    encoding: 'utf8',
  });
  token = made.trim().split('\n').at(-1);
  const own = { client_id: context.client_id };
  const secret = join(folder, 'secret');
  if (context.client_secret !== undefined) {
    await writeFile(secret, context.client_secret, { mode: 0o600 });
    own.client_secret_file = secret;
  }
  if (context.private_key_pem !== undefined) {
    await writeFile(secret, context.private_key_pem, { mode: 0o600 });
    own.private_key_file = secret;
  }
  // Its metadata document is read by nobody: that it is used as the name of the client is what is judged.
  if (scenario === 'auth/basic-cimd') own.client_id = 'https://conformance-test.local/client-metadata.json';
  const grant = scenario.startsWith('auth/client-credentials') ? 'client_credentials' : 'authorization_code';
  const oauth = { grant, ...own, private_hosts: ['localhost', '127.0.0.1', '::1'] };
  return {
    gateway: {
      auth: { kind: 'bearer', tokens_file: tokens },
      ...(grant === 'authorization_code' && { oauth: { base_url: `http://localhost:${port}` } }),
    },
    upstream: { oauth },
  };
}

async function work(url) {
  const client = new Client(
    { name: 'conformance-client', version: '1.0.0' },
    { capabilities: {}, versionNegotiation: { mode: revision === '2026-07-28' ? 'auto' : 'legacy' } },
  );
  const requestInit = { headers: { Authorization: `Bearer ${token}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }));
  for (let consents = 0; ; consents += 1) {
    const { tools } = await client.listTools();
    if (tools.some(({ name }) => name === 'sign_in')) {
      if (consents === mostConsents) break;
      await signIn(client);
      continue;
    }
    const results = [];
    for (const { name } of tools)
      results.push(await client.callTool({ name, arguments: {} }).catch((error) => error));
    const again = results.some((result) => JSON.stringify(result).includes('CONSENT'));
    if (!again || consents === mostConsents) break;
    await signIn(client);
  }
  await client.close();
}

async function signIn(client) {
  const { content } = await client.callTool({ name: 'sign_in', arguments: {} });
  const [link] = /https?:\/\/\S+\/oauth\/connect\/\S+/.exec(content[0].text) ?? [];
  if (link === undefined) throw new Error(`no link: ${content[0].text}`);
  const page = await consent(link);
  const [, code] = /class="code">([A-Z0-9-]+)</.exec(page) ?? [];
  if (code === undefined) throw new Error(`no code: ${page.replace(/<[^>]*>|\s+/g, ' ')}`);
  await client.callTool({ name: 'sign_in', arguments: { code } });
}

/** Opens a link of the gateway and goes on; the server of the suite agrees to everything. Returns the page at the end. */
async function consent(link) {
  const cookies = new Map();
  const go = async (url, init = {}) => {
    const headers = { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') };
    const reply = await fetch(url, { ...init, headers, redirect: 'manual' });
    for (const line of reply.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      cookies.set(name, value);
    }
    const location = reply.headers.get('location');
    return location === null ? reply.text() : go(new URL(location, url));
  };
  const first = await go(link);
  const [, action = link] = /<form[^>]*action="([^"]*)"/.exec(first) ?? [];
  const hidden = [...first.matchAll(/<input[^>]*name="([^"]*)"[^>]*value="([^"]*)"/g)];
  const body = new URLSearchParams(hidden.map(([, name, value]) => [name, value]));
  return go(new URL(action, link), { method: 'POST', body });
}
