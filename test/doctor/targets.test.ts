import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { sallyport, start } from '../support/command.js';
import { temporaryFolder } from '../support/folder.js';
import { patience } from '../support/patience.js';
import { replaceBadWords } from '../support/plugin-server.js';

interface Check {
  readonly id: string;
  readonly status: string;
  readonly code?: string;
  readonly cause?: string;
  readonly seen: string;
  readonly remedy?: string;
}

/** What the doctor says of targets, by the ids of its checks. */
async function doctor(cwd: string, ...args: string[]) {
  const { status, stdout, stderr } = await sallyport(['doctor', ...args, '--json'], { cwd });
  expect(stderr).toBe('');
  const { checks } = JSON.parse(stdout) as { checks: readonly Check[] };
  return { status, of: (id: string) => checks.filter((check) => check.id === id) };
}

const stdio = { command: process.execPath, args: [join(import.meta.dirname, '../support/mcp-stdio.mjs')] };

it.each([
  ['mcp.json', []],
  ['servers.txt', ['--servers']],
])('a list of servers is looked at as a gateway uses it: %s', async (name, how) => {
  const cwd = await temporaryFolder();
  const servers = {
    one: { ...stdio, alwaysAllow: ['x'] },
    two: { comand: 'x' },
    three: { command: '$' + '{NOT_SET_HERE}' },
  };
  await writeFile(join(cwd, name), JSON.stringify({ mcpServers: servers }));
  const { status, of } = await doctor(cwd, ...how, name);
  expect(status).toBe(1);
  expect(of('upstream-answers')).toMatchObject([{ status: 'ok' }]);
  expect(of('servers-used')).toMatchObject([
    {
      status: 'fail',
      code: 'SALLY_CONFIG_SERVER_LEFT_OUT',
      remedy: expect.stringContaining("did you mean 'command'?"),
    },
    { status: 'fail', cause: expect.stringContaining('NOT_SET_HERE, which is not set') },
  ]);
  expect(of('config-remarks')).toMatchObject([{ status: 'warn', code: 'SALLY_CONFIG_SERVER_KEYS' }]);
});

it('a list of servers beside the file of its gateway does not get the names of that', async () => {
  const cwd = await temporaryFolder();
  await writeFile(join(cwd, 'mcp.json'), JSON.stringify({ mcpServers: { one: stdio, two: stdio } }));
  await writeFile(
    join(cwd, 'gateway.yaml'),
    JSON.stringify({ gateway: { port: 1, upstreams: { one: stdio } } }),
  );
  const { of } = await doctor(cwd, 'mcp.json', 'gateway.yaml');
  expect(of('servers-used').filter(({ status }) => status === 'fail')).toMatchObject([
    { cause: expect.stringContaining('the server "one" is left out') },
  ]);
});

it('a list of servers that is broken, or has none, fails', async () => {
  const cwd = await temporaryFolder();
  await writeFile(join(cwd, 'broken.json'), '{"mcpServers": {');
  await writeFile(join(cwd, 'empty.json'), '{"mcpServers": {}}');
  for (const file of ['broken.json', 'empty.json'])
    expect((await doctor(cwd, file)).of('config-valid')).toMatchObject([{ status: 'fail' }]);
});

it('a plugin server on a Unix domain socket is asked for its plugins', async () => {
  const cwd = await temporaryFolder();
  const uds = join(cwd, 'plugins.sock');
  await writeFile(
    join(cwd, 'server.yaml'),
    JSON.stringify({ plugins: [replaceBadWords], server_settings: { uds } }),
  );
  start(['serve', '--config', 'server.yaml'], { cwd });
  await vi.waitFor(() => expect(existsSync(uds)).toBe(true), { timeout: patience(20_000), interval: 50 });
  for (const target of [`unix:${uds}`, 'unix:plugins.sock', uds]) {
    const { status, of } = await doctor(cwd, target);
    expect(of('plugin-process-answers')).toMatchObject([{ status: 'ok', seen: 'ReplaceBadWordsPlugin' }]);
    expect(status).toBe(0);
  }
  expect(await sallyport(['doctor', 'unix:other.sock'], { cwd })).toMatchObject({
    status: 3,
    stderr: expect.stringContaining('cannot read the target other.sock: no such file'),
  });
});

it('the files of OAuth are looked at, which a gateway needs at its start or for its first token', async () => {
  const cwd = await temporaryFolder();
  const oauth = {
    grant: 'authorization_code',
    client_id: 'a',
    issuer: 'https://issuer.example',
    client_secret_file: 'secret',
  };
  const gateway = {
    auth: { kind: 'jwt', issuer: 'https://issuer.example', audience: 'a', jwks: 'jwks.json' },
    oauth: { base_url: 'http://127.0.0.1:1', key_file: 'my key', tokens_file: 'folder/tokens.json' },
    upstreams: { crm: { url: 'http://127.0.0.1:1/mcp', oauth } },
  };
  await writeFile(join(cwd, 'gateway.yaml'), JSON.stringify({ gateway }));
  const found = async () => (await doctor(cwd, 'gateway.yaml')).of('oauth-files');
  const at = (name: string) => join(cwd, name);
  expect(await found()).toMatchObject([
    {
      code: 'SALLY_FILE_UNREADABLE',
      remedy: `openssl rand -base64 32 > '${at('my key')}' && chmod 600 '${at('my key')}'`,
    },
    { code: 'SALLY_OAUTH_VAULT', remedy: expect.stringContaining(`mkdir -p -m 700 ${at('folder')}`) },
    { code: 'SALLY_FILE_UNREADABLE', cause: expect.stringContaining('the client secret') },
  ]);
  await mkdir(at('folder'));
  await writeFile(at('secret'), 's', { mode: 0o600 });
  await writeFile(at('my key'), 'short', { mode: 0o644 });
  expect(await found()).toMatchObject([
    { status: 'fail', code: 'SALLY_OAUTH_VAULT', cause: expect.stringContaining('no key of 32 bytes') },
    { status: 'warn', code: 'SALLY_TLS_KEY_READABLE' },
  ]);
  await rm(at('my key'));
  await writeFile(at('my key'), Buffer.alloc(32).toString('base64'), { mode: 0o600 });
  await writeFile(at('jwks.json'), '{}');
  expect(await found()).toMatchObject([{ status: 'ok' }]);
});
