import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Issued } from '../../../src/pki/index.js';
import { run } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { callTool, errorOf, openGateway } from '../../support/gateway.js';
import { judgedBy } from '../../support/judges.js';
import { hookCall } from '../../support/mcp.js';
import { type RunningServer, startPluginServer } from '../../support/plugin-server.js';
import { filesOf, gatewayLeaf, newCa, newCrl, pluginLeaf, tlsBlock, ways } from '../../support/trust.js';

const plugin = 'ReplaceBadWordsPlugin';
const inUse = 'new certificates are in use';
const slow = {
  name: 'Odd',
  kind: join(import.meta.dirname, '../../support/plugins/misbehaving.mjs'),
};
const renames = ways['a rename of each file'];

/** A plugin server and a gateway with folders of their own, whose certificates one CA has issued. */
async function pair(put = renames, more: { env?: Record<string, string> } = {}) {
  const ca = await newCa();
  const [serverFolder, clientFolder] = [await temporaryFolder(), await temporaryFolder()];
  await put(serverFolder, filesOf(await pluginLeaf(ca, plugin), ca));
  await put(clientFolder, filesOf(await gatewayLeaf(ca), ca));
  const server = await startPluginServer({ tls: tlsBlock(serverFolder), ...more });
  const manager = await openGateway({ url: server.url, tls: tlsBlock(clientFolder) });
  return { ca, serverFolder, clientFolder, server, manager };
}

/** The serial number of the certificate that the server shows now. */
async function shownBy(server: RunningServer, ca: Issued, client: Issued): Promise<TLSSocket> {
  const { certPem: cert, keyPem: key } = client;
  const socket = connect({ port: server.port, host: 'localhost', ca: ca.certPem, cert, key });
  onTestFinished(() => void socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

/** Waits until `holds`, or the test's time is over. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await wait(20);
}

describe('a server whose files are replaced', () => {
  it.each(Object.entries(ways))('[O3] by %s shows the new certificate, and goes on', async (_title, put) => {
    const { ca, serverFolder, server, manager } = await pair(put);
    expect(await callTool(manager)).toBe('what a crud day');
    const next = await pluginLeaf(ca, plugin, { keyType: 'ec-p384' });
    await put(serverFolder, filesOf(next, ca));
    await server.waitForLog((line) => line.msg === inUse);
    const socket = await shownBy(server, ca, await gatewayLeaf(ca));
    expect(socket.getPeerX509Certificate()?.toString()).toBe(next.certPem);
    expect(await callTool(manager)).toBe('what a crud day');
  });

  it('[O3] by what is half-written keeps the old one, says so once, and takes it when it is whole', async () => {
    const { ca, serverFolder, server, manager } = await pair();
    const next = await pluginLeaf(ca, plugin);
    await writeFile(join(serverFolder, 'tls.crt'), next.certPem.slice(0, 300));
    await server.waitForLog((line) => line.msg.startsWith('the certificates in use are kept'));
    for (const [name, text] of Object.entries(filesOf(next, ca))) {
      for (let i = 0; i < 100; i += 1) {
        await writeFile(join(serverFolder, name), text.slice(0, Math.floor((text.length * i) / 100)));
        if (i % 20 === 0) expect(await callTool(manager)).toBe('what a crud day');
      }
    }
    await renames(serverFolder, filesOf(next, ca));
    await server.waitForLog((line) => line.msg === inUse);
    expect(await callTool(manager)).toBe('what a crud day');
    const warnings = server.log.filter((line) => line.msg.startsWith('the certificates in use are kept'));
    expect(warnings.map(({ code }) => code)).toContain('SALLY_TLS_NOT_PEM');
    // One for each file that is caught, and one for a pair that does not match.
    expect(warnings.length).toBeLessThanOrEqual(4);
  });

  it('[O3] and is told so by SIGHUP says what came of it in one line', async () => {
    const { ca, serverFolder, server } = await pair();
    const outcome = async (text: string) => {
      server.child.kill('SIGHUP');
      return server.waitForLog((line) => line.msg.startsWith(text));
    };
    await outcome('SIGHUP: the certificate files have not changed');
    await writeFile(join(serverFolder, 'tls.key'), '');
    expect(await outcome('SIGHUP: the certificates in use are kept')).toMatchObject({
      code: 'SALLY_TLS_NOT_PEM',
      remedy: expect.any(String),
    });
    await renames(serverFolder, filesOf(await pluginLeaf(ca, plugin), ca));
    server.child.kill('SIGHUP');
    await server.waitForLog((line) => line.msg === inUse);
    await until(() => server.log.filter(({ msg }) => msg.startsWith('SIGHUP')).length === 3);
    expect(server.child.exitCode).toBeNull();
  });

  judgedBy('openssl').each(['-tls1_2', '-tls1_3'])(
    '[O3] lets no session that began before be resumed after, with %s',
    async (version) => {
      const { ca, serverFolder, server } = await pair();
      const folder = await temporaryFolder();
      await renames(folder, filesOf(await gatewayLeaf(ca), ca));
      const { certfile, keyfile, ca_bundle } = tlsBlock(folder);
      const session = join(folder, 'session.pem');
      const identity = ['-cert', certfile, '-key', keyfile, '-CAfile', ca_bundle];
      const base = ['s_client', '-connect', `localhost:${server.port}`, version, '-ign_eof'];
      const request = { input: 'GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' };
      const before = await run('openssl', [...base, ...identity, '-sess_out', session], request);
      expect(before.stdout).toContain('"status":"healthy"');
      await renames(serverFolder, filesOf(await pluginLeaf(ca, plugin), ca));
      await server.waitForLog((line) => line.msg === inUse);
      const after = await run('openssl', [...base, ...identity, '-sess_in', session], request);
      expect(after.stdout).not.toContain('Reused,');
      // Nor does a session stand for the certificate that it began with.
      const without = await run('openssl', [...base, '-CAfile', ca_bundle, '-sess_in', session], request);
      expect(without.stdout).not.toContain('"status":"healthy"');
    },
  );
});

describe('a connection that stands', () => {
  it('[O3] is closed at once where it is idle, and its CA has left the bundle', async () => {
    const { ca, serverFolder, server } = await pair();
    const next = await newCa('Next');
    const leaf = await pluginLeaf(next, plugin);
    await renames(serverFolder, filesOf(leaf, ca, next));
    await server.waitForLog((line) => line.msg === inUse);
    const [old, young] = [
      await shownBy(server, next, await gatewayLeaf(ca)),
      await shownBy(server, next, await gatewayLeaf(next)),
    ];
    const closed = once(old, 'close');
    old.resume();
    await renames(serverFolder, filesOf(leaf, next));
    await closed;
    const line = await server.waitForLog(({ msg }) => msg.startsWith('connection ended'));
    expect(line).toMatchObject({ code: 'SALLY_TLS_UNKNOWN_CA' });
    expect(young.destroyed).toBe(false);
    young.write('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect(String(await once(young, 'data'))).toContain('200 OK');
  });

  it('[O3] finishes what is in flight before it is closed', async () => {
    const ca = await newCa();
    const folder = await temporaryFolder();
    const [client, crl] = [await gatewayLeaf(ca), await newCrl(ca)];
    await renames(folder, { ...filesOf(await pluginLeaf(ca, 'Odd'), ca), 'ca.crl': crl });
    const tls = tlsBlock(folder, { crl_file: join(folder, 'ca.crl') });
    const server = await startPluginServer({ tls, plugins: [slow], settings: { plugin_timeout: 2 } });
    const socket = await shownBy(server, ca, client);
    const params = { name: 'invoke_hook', arguments: hookCall({ name: 'hang' }, { plugin_name: 'Odd' }) };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params });
    const head = [
      'POST /mcp HTTP/1.1',
      'Host: localhost',
      'Content-Type: application/json',
      'Accept: application/json, text/event-stream',
      'MCP-Protocol-Version: 2025-11-25',
      `Content-Length: ${body.length}`,
    ];
    socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
    await server.waitForLog(({ msg }) => msg === 'begun: hang');
    await renames(folder, { 'ca.crl': await newCrl(ca, [client]) });
    await server.waitForLog(({ code }) => code === 'SALLY_TLS_REVOKED');
    let answer = '';
    for await (const chunk of socket) answer += chunk;
    // The plugin's time was over first: that is the answer, and it came before the end.
    expect(answer).toContain('HTTP/1.1 200 OK');
    expect(answer.toLowerCase()).toContain('connection: close');
    expect(answer).toContain('SALLY_PLUGIN_TIMEOUT');
  });

  it('[O3] ends when the certificate of the client does', async () => {
    const { ca, server } = await pair();
    const notAfter = new Date(Date.now() + 3_000);
    const socket = await shownBy(server, ca, await gatewayLeaf(ca, { notAfter }));
    socket.resume();
    await once(socket, 'close');
    expect(Date.now()).toBeGreaterThan(Math.floor(notAfter.getTime() / 1000) * 1000);
    await server.waitForLog(
      ({ msg, code }) => msg.startsWith('connection ended') && code === 'SALLY_TLS_PEER_EXPIRED',
    );
  });

  it('[O3] ends when the certificate of the server does: the next call says why', async () => {
    const { ca, serverFolder, server, manager } = await pair();
    const notAfter = new Date(Date.now() + 5_000);
    await renames(serverFolder, filesOf(await pluginLeaf(ca, plugin, { notAfter }), ca));
    await server.waitForLog((line) => line.msg === inUse);
    expect(await callTool(manager)).toBe('what a crud day');
    await until(async () => Date.now() > notAfter.getTime() + 100);
    expect((await errorOf(callTool(manager))).code).toBe('SALLY_TLS_PEER_EXPIRED');
    await renames(serverFolder, filesOf(await pluginLeaf(ca, plugin), ca));
    await until(() => server.log.filter((line) => line.msg === inUse).length >= 2);
    expect(await callTool(manager)).toBe('what a crud day');
  });

  it('[O3] is left by the gateway when its own certificate changes', async () => {
    const { ca, clientFolder, server, manager } = await pair(renames, { env: { LOG_LEVEL: 'DEBUG' } });
    await callTool(manager);
    await renames(clientFolder, filesOf(await gatewayLeaf(ca, { subject: { CN: 'the new one' } }), ca));
    await until(async () => {
      expect(await callTool(manager)).toBe('what a crud day');
      return server.log.some(({ subject }) => subject === 'CN=the new one');
    });
  });
});

describe('/metrics', () => {
  it('[O3] is beside /health on the plain port, and shows when certificates end and why handshakes failed', async () => {
    const { ca, server } = await pair();
    await shownBy(server, ca, await gatewayLeaf(await newCa('Other')));
    await server.waitForLog(({ code }) => code === 'SALLY_TLS_UNKNOWN_CA');
    const url = server.healthUrl?.replace('/health', '/metrics') ?? '';
    const page = await (await fetch(url)).text();
    expect(page).toMatch(
      /sallyport_tls_certificate_expiry_seconds\{role="server",kind="leaf",subject="CN=mcp-plugin-/,
    );
    expect(page).toContain(
      'sallyport_tls_handshake_failures_total{role="server",reason="SALLY_TLS_UNKNOWN_CA"} 1',
    );
    expect((await fetch(url, { method: 'POST' })).status).toBe(405);
  });

  it('[O3] is on the main port where there is no TLS', async () => {
    const server = await startPluginServer({ tls: null });
    const page = await fetch(server.url.replace('/mcp', '/metrics'));
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('sallyport_tls_handshake_failures_total');
  });
});
