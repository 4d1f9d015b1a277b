import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/log.js';
import type { Issued, LeafRequest } from '../../../src/pki/index.js';
import { pinOf } from '../../../src/tls/trust.js';
import { run } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { callTool, errorOf, openGateway } from '../../support/gateway.js';
import { judgedBy } from '../../support/judges.js';
import { patience } from '../../support/patience.js';
import { replaceBadWords, startPluginServer } from '../../support/plugin-server.js';
import { filesOf, gatewayLeaf, newCa, newCrl, pluginLeaf, tlsBlock, ways } from '../../support/trust.js';
import { parsed } from '../../tls/made.js';

const plugin = 'ReplaceBadWordsPlugin';
const put = ways['a rename of each file'];
const dualUse: Partial<LeafRequest> = { purposes: ['clientAuth', 'serverAuth'] };
const noRole: Partial<LeafRequest> = {
  sans: [{ type: 'dns', value: 'localhost' }],
  subject: { CN: 'host 1' },
};

interface Sides {
  readonly ca: Issued;
  readonly server: Issued;
  readonly client: Issued;
  /** Further fields of the two `tls` blocks. */
  readonly serverTls?: object;
  readonly clientTls?: object;
  readonly files?: Readonly<Record<string, string>>;
}

/** A plugin server and a gateway that show these certificates. */
async function sides({ ca, server, client, serverTls = {}, clientTls = {}, files = {} }: Sides) {
  const [serverFolder, clientFolder] = [await temporaryFolder(), await temporaryFolder()];
  await put(serverFolder, { ...filesOf(server, ca), ...files });
  await put(clientFolder, { ...filesOf(client, ca), ...files });
  const within = (folder: string, tls: object) =>
    tlsBlock(folder, { ...tls, ...('crl_file' in tls && { crl_file: join(folder, 'ca.crl') }) });
  const running = await startPluginServer({ tls: within(serverFolder, serverTls) });
  const manager = await openGateway({ url: running.url, tls: within(clientFolder, clientTls) });
  return { running, manager, serverFolder, clientFolder };
}

/** What becomes of a call between them: its result, or the codes that the two sides give. */
async function outcome(given: Sides) {
  const { running, manager } = await sides(given);
  const text = await callTool(manager).catch((error: { code: string }) => error.code);
  const refusals = running.log.flatMap(({ code, level }) => (level === 40 && code ? [code] : []));
  return { text, refusals, running };
}

describe('a client', () => {
  it('[O3] that plays the gateway with the certificate of a plugin is refused, though it may be used by clients', async () => {
    const ca = await newCa();
    const client = await pluginLeaf(ca, 'Other', dualUse);
    const { text, running } = await outcome({ ca, client, server: await pluginLeaf(ca, plugin) });
    expect(text).toMatch(/^SALLY_/);
    const line = await running.waitForLog(({ code }) => code === 'SALLY_TLS_CLIENT_NOT_ALLOWED');
    expect(line.msg).toContain('spiffe://sallyport.local/plugin/Other');
    expect(line.msg).toContain('allowed is the role gateway');
    expect(line['remedy']).toContain('allowed_clients');
  });

  it('[O3] without a role is served, with one warning', async () => {
    const ca = await newCa();
    const client = await gatewayLeaf(ca, noRole);
    const { running, manager } = await sides({ ca, client, server: await pluginLeaf(ca, plugin) });
    for (let i = 0; i < 5; i += 1) expect(await callTool(manager)).toBe('what a crud day');
    expect(running.log.filter(({ code }) => code === 'SALLY_TLS_NO_ROLE')).toHaveLength(1);
  });

  it('[O3] has to be one of allowed_clients, where there are some', async () => {
    const ca = await newCa();
    const server = await pluginLeaf(ca, plugin);
    const allowing = (...allowed_clients: string[]) => ({ allowed_clients });
    const client = await gatewayLeaf(ca, noRole);
    const named = await outcome({ ca, client, server, serverTls: allowing('CN:other', 'CN:host *') });
    expect(named).toMatchObject({ text: 'what a crud day', refusals: [] });
    const other = await outcome({ ca, client, server, serverTls: allowing('URI:spiffe://*/gateway') });
    expect(other.text).toMatch(/^SALLY_/);
    await other.running.waitForLog(({ code }) => code === 'SALLY_TLS_CLIENT_NOT_ALLOWED');
    const gateway = await gatewayLeaf(ca);
    const again = await outcome({
      ca,
      client: gateway,
      server,
      serverTls: allowing('URI:spiffe://*/gateway'),
    });
    expect(again.text).toBe('what a crud day');
  });

  it('[O3] has to have a key that is pinned, where there are pins', async () => {
    const ca = await newCa();
    const [server, client] = [await pluginLeaf(ca, plugin), await gatewayLeaf(ca)];
    const pins = [pinOf(parsed(client))];
    expect((await outcome({ ca, client, server, serverTls: { pins } })).text).toBe('what a crud day');
    const other = await outcome({ ca, client: await gatewayLeaf(ca), server, serverTls: { pins } });
    expect(other.text).toMatch(/^SALLY_/);
    await other.running.waitForLog(({ code }) => code === 'SALLY_TLS_PIN');
  });
});

describe('a plugin server', () => {
  it.each<[string, Partial<LeafRequest> | string, object, string]>([
    ['the certificate of another plugin', 'Other', {}, 'SALLY_TLS_WRONG_PLUGIN'],
    [
      'that of another, whatever the host is called',
      'Other',
      { check_hostname: false },
      'SALLY_TLS_WRONG_PLUGIN',
    ],
    ['that of the plugin named by identity', 'Other', { identity: 'Other' }, 'what a crud day'],
    [
      'its own in place of the one named by identity',
      plugin,
      { identity: 'Other' },
      'SALLY_TLS_WRONG_PLUGIN',
    ],
    ['that of any plugin, with identity host', 'Other', { identity: 'host' }, 'what a crud day'],
    ['one without a role', noRole, {}, 'what a crud day'],
    ['one without a role, for another host', { ...noRole, sans: [] }, {}, 'SALLY_TLS_HOSTNAME'],
    ['one without a role, with identity plugin', noRole, { identity: 'plugin' }, 'SALLY_TLS_WRONG_PLUGIN'],
    [
      'one without a role but with its name, with identity plugin',
      { ...noRole, sans: [...(noRole.sans ?? []), { type: 'dns', value: `mcp-plugin-${plugin}` }] },
      { identity: 'plugin' },
      'what a crud day',
    ],
    [
      'one with its name as CN beside a SAN, with identity plugin',
      { ...noRole, subject: { CN: `mcp-plugin-${plugin}` } },
      { identity: 'plugin' },
      'SALLY_TLS_WRONG_PLUGIN',
    ],
    [
      'one with the host as CN, and no SAN',
      { subject: { CN: 'localhost' }, sans: [] },
      {},
      'what a crud day',
    ],
    [
      'one with the host as CN beside an address',
      { subject: { CN: 'localhost' }, sans: [{ type: 'ip', value: '192.0.2.1' }] },
      {},
      'SALLY_TLS_HOSTNAME',
    ],
    [
      'one with the host as CN beside a URI',
      { subject: { CN: 'localhost' }, sans: [{ type: 'uri', value: 'urn:x' }] },
      {},
      'SALLY_TLS_HOSTNAME',
    ],
    [
      'that of the gateway',
      { purposes: dualUse.purposes ?? [], sans: [{ type: 'uri', value: 'spiffe://x/gateway' }] },
      { check_hostname: false },
      'SALLY_TLS_WRONG_PLUGIN',
    ],
  ])('[O3] that shows %s', async (_title, certificate, clientTls, expected) => {
    const ca = await newCa();
    const server =
      typeof certificate === 'string'
        ? await pluginLeaf(ca, certificate)
        : await pluginLeaf(ca, plugin, certificate);
    const { text } = await outcome({ ca, server, client: await gatewayLeaf(ca), clientTls });
    expect(text).toBe(expected);
  });

  it('[O3] that has its name as CN alone is taken with one warning, and so is a client that a pattern lets in by it', async () => {
    const ca = await newCa();
    const [serverFolder, clientFolder] = [await temporaryFolder(), await temporaryFolder()];
    const server = await pluginLeaf(ca, plugin, { subject: { CN: 'localhost' }, sans: [] });
    const client = await gatewayLeaf(ca, { subject: { CN: 'gw' }, sans: [] });
    await put(serverFolder, filesOf(server, ca));
    await put(clientFolder, filesOf(client, ca));
    const running = await startPluginServer({ tls: tlsBlock(serverFolder, { allowed_clients: ['gw'] }) });
    const warned: unknown[] = [];
    const warn = (fields: object) => void warned.push((fields as { code: string }).code);
    const log = { ...silentLogger, warn };
    const manager = await openGateway({ url: running.url, tls: tlsBlock(clientFolder), log });
    for (let i = 0; i < 3; i += 1) expect(await callTool(manager)).toBe('what a crud day');
    await running.waitForLog(({ code }) => code === 'SALLY_TLS_COMMON_NAME');
    expect(warned.filter((code) => code === 'SALLY_TLS_COMMON_NAME')).toHaveLength(1);
  });

  it('[O3] that stands in for another is named, with what was expected', async () => {
    const ca = await newCa();
    const { manager } = await sides({
      ca,
      server: await pluginLeaf(ca, 'Other'),
      client: await gatewayLeaf(ca),
    });
    const error = await errorOf(callTool(manager));
    expect(error.message).toContain('URI:spiffe://sallyport.local/plugin/Other');
    expect(error.message).toContain(`expected is the role plugin/${plugin}`);
    expect(error.remedy).toContain('mcp.tls.identity');
  });

  it('[O3] has to have a key that is pinned, or a CA that is', async () => {
    const ca = await newCa();
    const [server, client] = [await pluginLeaf(ca, plugin), await gatewayLeaf(ca)];
    const pinned = async (pin: string) =>
      (await outcome({ ca, client, server, clientTls: { pins: [pin] } })).text;
    expect(await pinned(pinOf(parsed(server)))).toBe('what a crud day');
    expect(await pinned(pinOf(parsed(ca)))).toBe('what a crud day');
    expect(await pinned(pinOf(parsed(client)))).toBe('SALLY_TLS_PIN');
  });
});

describe('revocation', () => {
  const crl_file = true;

  it('[O3] of a client is checked in the handshake', async () => {
    const ca = await newCa();
    const [server, client] = [await pluginLeaf(ca, plugin), await gatewayLeaf(ca)];
    const files = { 'ca.crl': await newCrl(ca, [client]) };
    const { text, running } = await outcome({ ca, server, client, files, serverTls: { crl_file } });
    expect(text).toMatch(/^SALLY_/);
    await running.waitForLog(({ code }) => code === 'SALLY_TLS_REVOKED');
  });

  it('[O3] of a server is checked in the handshake', async () => {
    const ca = await newCa();
    const [server, client] = [await pluginLeaf(ca, plugin), await gatewayLeaf(ca)];
    const files = { 'ca.crl': await newCrl(ca, [server]) };
    const { text } = await outcome({ ca, server, client, files, clientTls: { crl_file } });
    expect(text).toBe('SALLY_TLS_REVOKED');
  });

  it('[O3] of a client that is connected ends its connection; of a server, the next call', async () => {
    const ca = await newCa();
    const [server, client] = [await pluginLeaf(ca, plugin), await gatewayLeaf(ca)];
    const files = { 'ca.crl': await newCrl(ca) };
    const given = { ca, server, client, files, serverTls: { crl_file }, clientTls: { crl_file } };
    const revoked = await newCrl(ca, [client, server]);
    const first = await sides(given);
    expect(await callTool(first.manager)).toBe('what a crud day');
    await put(first.serverFolder, { 'ca.crl': revoked });
    await first.running.waitForLog(
      ({ msg, code }) => msg.startsWith('connection ended') && code === 'SALLY_TLS_REVOKED',
    );
    expect((await errorOf(callTool(first.manager))).code).toMatch(
      /^SALLY_(CONNECT_LOST|TLS_CLIENT_CERT_REFUSED)$/,
    );
    const second = await sides(given);
    expect(await callTool(second.manager)).toBe('what a crud day');
    await put(second.clientFolder, { 'ca.crl': revoked });
    const next = () => callTool(second.manager).catch(({ code }) => code);
    await expect.poll(next, { timeout: patience(10_000) }).toBe('SALLY_TLS_REVOKED');
  });

  it.each<[string, (ca: Issued) => Promise<string>, string]>([
    ['that has ended', (ca) => newCrl(ca, [], -9, -1), 'SALLY_CRL_EXPIRED'],
    ['of another CA', async () => newCrl(await newCa()), 'SALLY_CRL_FOREIGN'],
  ])('[O3] with a list %s: neither side starts', async (_title, list, code) => {
    const ca = await newCa();
    const folder = await temporaryFolder();
    await put(folder, { ...filesOf(await pluginLeaf(ca, plugin, dualUse), ca), 'ca.crl': await list(ca) });
    const tls = tlsBlock(folder, { crl_file: join(folder, 'ca.crl') });
    await expect(startPluginServer({ tls })).rejects.toThrow(code);
    expect((await errorOf(openGateway({ url: 'https://localhost:1/mcp', tls }))).code).toBe(code);
  });

  it('[O3] with a list that ends while the server runs: no client is let in, nor stays', async () => {
    const ca = await newCa();
    const [server, client] = [await pluginLeaf(ca, plugin), await gatewayLeaf(ca)];
    const files = { 'ca.crl': await newCrl(ca) };
    const { running, manager, serverFolder } = await sides({
      ca,
      server,
      client,
      files,
      serverTls: { crl_file },
    });
    const inUse = () => running.log.filter(({ msg }) => msg === 'new certificates are in use').length;
    await put(serverFolder, { 'ca.crl': await newCrl(ca, [], -1, 5 / 86_400) });
    await expect.poll(inUse, { timeout: patience(10_000) }).toBe(1);
    expect(await callTool(manager)).toBe('what a crud day');
    await running.waitForLog(
      ({ msg, code }) => msg.startsWith('connection ended') && code === 'SALLY_TLS_CRL',
    );
    expect((await errorOf(callTool(manager))).code).toMatch(/^SALLY_/);
    await put(serverFolder, { 'ca.crl': await newCrl(ca) });
    await expect.poll(inUse, { timeout: patience(10_000) }).toBe(2);
    expect(await callTool(manager)).toBe('what a crud day');
  });

  it('[O3] with two CAs needs the lists of both, and takes them from one file', async () => {
    const [a, b] = [await newCa(), await newCa()];
    const [server, client, bad] = [await pluginLeaf(a, plugin), await gatewayLeaf(b), await gatewayLeaf(b)];
    const bundle = { 'ca.crt': a.certPem + b.certPem };
    const both = { ...bundle, 'ca.crl': (await newCrl(a)) + (await newCrl(b, [bad])) };
    const serverTls = { crl_file };
    expect((await outcome({ ca: a, server, client, files: both, serverTls })).text).toBe('what a crud day');
    const refused = await outcome({ ca: a, server, client: bad, files: both, serverTls });
    await refused.running.waitForLog(({ code }) => code === 'SALLY_TLS_REVOKED');
    const one = { ...bundle, 'ca.crl': await newCrl(a) };
    await expect(outcome({ ca: a, server, client, files: one, serverTls })).rejects.toThrow(
      'SALLY_CRL_MISSING',
    );
  });

  judgedBy('openssl')('[O3] openssl agrees on the lists that the tests are made with', async () => {
    const [ca, folder] = [await newCa(), await temporaryFolder()];
    const [good, bad] = [await gatewayLeaf(ca), await gatewayLeaf(ca)];
    await put(folder, {
      'ca.crt': ca.certPem,
      'ca.crl': await newCrl(ca, [bad]),
      'good.crt': good.certPem,
      'bad.crt': bad.certPem,
    });
    const verify = (name: string) =>
      run('openssl', ['verify', '-crl_check', '-CAfile', 'ca.crt', '-CRLfile', 'ca.crl', name], {
        cwd: folder,
      });
    expect((await verify('good.crt')).status).toBe(0);
    expect((await verify('bad.crt')).stderr).toContain('certificate revoked');
  });
});

it('[O3] the variables of crl_file win over the file', async () => {
  const [ca, folder] = [await newCa(), await temporaryFolder()];
  const [server, client] = [await pluginLeaf(ca, plugin), await gatewayLeaf(ca)];
  await put(folder, { ...filesOf(server, ca), 'ca.crl': await newCrl(ca, [client]) });
  const env = { PLUGINS_SERVER_SSL_CRL_FILE: join(folder, 'ca.crl') };
  const running = await startPluginServer({ tls: tlsBlock(folder), env, plugins: [replaceBadWords] });
  const clientFolder = await temporaryFolder();
  await put(clientFolder, filesOf(client, ca));
  const manager = await openGateway({ url: running.url, tls: tlsBlock(clientFolder) });
  await errorOf(callTool(manager));
  await running.waitForLog(({ code }) => code === 'SALLY_TLS_REVOKED');
  const own = { PLUGINS_CLIENT_MTLS_CRL_FILE: join(folder, 'nowhere.crl') };
  const error = await errorOf(openGateway({ url: running.url, tls: tlsBlock(clientFolder), env: own }));
  expect(error.code).toBe('SALLY_FILE_UNREADABLE');
});
