import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { cert } from '../../support/certs.js';
import { sallyport } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { replaceBadWords, serverTls, startPluginServer, writeConfig } from '../../support/plugin-server.js';
import { tcpServer } from '../../support/tcp.js';

/** Starts a server that cannot start, and answers what it said. */
async function refusal(tls: object, env: Record<string, string> = {}) {
  const config = { plugins: [replaceBadWords], server_settings: { host: 'localhost', tls } };
  return sallyport(['serve', '--config', await writeConfig(config), '--port', '0'], { env });
}

/** A file of the test's own with this content. */
async function file(content: string | Buffer): Promise<string> {
  const path = join(await temporaryFolder(), 'file.pem');
  await writeFile(path, content, { mode: 0o600 });
  return path;
}

it.each<[string, () => Promise<object> | object, string]>([
  ['a certificate that is not there', () => ({ certfile: '/nowhere/server.crt' }), 'SALLY_FILE_UNREADABLE'],
  ['a folder in place of a key', async () => ({ keyfile: await temporaryFolder() }), 'SALLY_FILE_UNREADABLE'],
  ['an empty certificate file', async () => ({ certfile: await file('') }), 'SALLY_TLS_NOT_PEM'],
  [
    'a certificate that was cut off',
    async () => ({
      certfile: await file((await readFile(cert('server.crt'))).subarray(0, 200)),
    }),
    'SALLY_TLS_NOT_PEM',
  ],
  ['a certificate file that holds a key', () => ({ certfile: cert('server.key') }), 'SALLY_TLS_NOT_PEM'],
  ['a key file that holds a certificate', () => ({ keyfile: cert('server.crt') }), 'SALLY_TLS_NOT_PEM'],
  ['the key of another certificate', () => ({ keyfile: cert('client.key') }), 'SALLY_TLS_KEY_MISMATCH'],
  ['an encrypted key and no password', () => ({ keyfile: cert('encrypted.key') }), 'SALLY_TLS_KEY_ENCRYPTED'],
  [
    'an encrypted key and a wrong password',
    () => ({
      keyfile: cert('encrypted.key'),
      keyfile_password: 'wrong',
    }),
    'SALLY_TLS_KEY_PASSWORD',
  ],
  ['an expired certificate', () => pair('server-expired'), 'SALLY_CERT_EXPIRED'],
  ['a certificate of the future', () => pair('server-not-yet'), 'SALLY_CERT_NOT_YET_VALID'],
  ['a certificate of another CA', () => pair('server-other-ca'), 'SALLY_TLS_CHAIN'],
  ['the certificate of the gateway', () => pair('client'), 'SALLY_TLS_PURPOSE'],
  ['a leaf in place of the CA', () => ({ ca_bundle: cert('client.crt') }), 'SALLY_TLS_NOT_A_CA'],
  [
    'a CA bundle without certificates',
    async () => ({ ca_bundle: await file('hello\n') }),
    'SALLY_TLS_NOT_PEM',
  ],
])(
  '[S7] %s: exit 3, the code, the file and the remedy, before anything listens',
  async (_name, change, code) => {
    const changed = await change();
    const { status, stdout, stderr } = await refusal({ ...serverTls(), ...changed });
    expect(status).toBe(3);
    expect(stderr).toContain(`error ${code}\n`);
    expect(stderr).toContain(Object.values(changed)[0]);
    expect(stderr).toContain('  → ');
    expect(stderr).not.toContain('listening on');
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(stdout).toBe('');
  },
);

const pair = (name: string) => ({ certfile: cert(`${name}.crt`), keyfile: cert(`${name}.key`) });

it('[S7] half a TLS block never becomes HTTP', async () => {
  for (const half of [{ certfile: cert('server.crt') }, { keyfile: cert('server.key') }, {}]) {
    const { status, stderr } = await refusal(half);
    expect(status).toBe(3);
    expect(stderr).toContain('SALLY_CONFIG');
    expect(stderr).not.toContain('listening on');
  }
});

it('[S2,S7] PLUGINS_SERVER_SSL_ENABLED=true without certificates is an error', async () => {
  const path = await writeConfig({ plugins: [replaceBadWords] });
  const env = { PLUGINS_SERVER_SSL_ENABLED: 'true' };
  const { status, stderr } = await sallyport(['serve', '--config', path, '--port', '0'], { env });
  expect(status).toBe(3);
  expect(stderr).toContain('certfile');
});

it('[S2] PLUGINS_SERVER_SSL_ENABLED=false turns the tls block off, with a warning', async () => {
  const server = await startPluginServer({ env: { PLUGINS_SERVER_SSL_ENABLED: 'false' } });
  expect(server.url).toMatch(/^http:/);
  expect(
    server.log.some((line) => line.level === 40 && line.msg.includes('PLUGINS_SERVER_SSL_ENABLED')),
  ).toBe(true);
});

it('[S2,S7] the variables alone turn TLS on', async () => {
  const { certfile, keyfile, ca_bundle } = serverTls();
  const server = await startPluginServer({
    tls: null,
    env: {
      PLUGINS_SERVER_SSL_ENABLED: 'true',
      PLUGINS_SERVER_SSL_CERTFILE: certfile,
      PLUGINS_SERVER_SSL_KEYFILE: keyfile,
      PLUGINS_SERVER_SSL_CA_CERTS: ca_bundle,
      PLUGINS_SERVER_SSL_CERT_REQS: '2',
    },
  });
  expect(server.url).toMatch(/^https:/);
});

it('[S1] a port in use is a clear error', async () => {
  const other = tcpServer().listen(0, 'localhost');
  await new Promise((resolve) => other.once('listening', resolve));
  const { port } = other.address() as { port: number };
  const path = await writeConfig({ plugins: [replaceBadWords], server_settings: { host: 'localhost' } });
  const { status, stderr } = await sallyport(['serve', '--config', path, '--port', String(port)]);
  other.close();
  expect(status).toBe(3);
  expect(stderr).toContain('SALLY_SERVER_PORT_IN_USE');
  expect(stderr).toContain(`localhost:${port}`);
});

it('[S1] no plugin file, and one that is not there', async () => {
  expect(await sallyport(['serve'])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('PLUGINS_CONFIG_PATH'),
  });
  const env = { PLUGINS_CONFIG_PATH: '/nowhere/plugins.yaml' };
  expect(await sallyport(['serve'], { env })).toMatchObject({
    status: 3,
    stderr: expect.stringContaining('/nowhere'),
  });
});

it('[S1] a plugin that cannot be loaded, or whose config is not valid, is named before anything listens', async () => {
  const serve = async (plugin: object) =>
    sallyport(['serve', '--config', await writeConfig({ plugins: [plugin] }), '--port', '0']);
  const missing = await serve({ name: 'A', kind: './no-such-file.js' });
  expect(missing).toMatchObject({ status: 3, stderr: expect.stringContaining('SALLY_PLUGIN_MODULE') });
  const invalid = await serve({ ...replaceBadWords, config: { words: [{ search: '(', replace: '' }] } });
  expect(invalid).toMatchObject({ status: 3, stderr: expect.stringContaining('config.words[0].search') });
});

it('[S1] a broken module leaves no stack trace', async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'sub'));
  await writeFile(join(folder, 'broken.mjs'), 'export default {');
  const path = await writeConfig({ plugins: [{ name: 'A', kind: './broken.mjs' }] }, folder);
  const { status, stderr } = await sallyport(['serve', '--config', path, '--port', '0']);
  expect(status).toBe(3);
  expect(stderr).toContain('SALLY_PLUGIN_MODULE');
  expect(stderr).not.toMatch(/\n\s+at /);
});

it('[S1] a plugin that fails ends the server, whatever it has left running', async () => {
  const folder = await temporaryFolder();
  const source =
    "setInterval(() => {}, 1000);\nexport default { setup() { throw new Error('no database'); } };\n";
  await writeFile(join(folder, 'ticks.mjs'), source);
  const path = await writeConfig({ plugins: [{ name: 'A', kind: './ticks.mjs' }] }, folder);
  const { status, stderr } = await sallyport(['serve', '--config', path, '--port', '0']);
  expect({ status, stderr }).toEqual({ status: 3, stderr: expect.stringContaining('no database') });
});
