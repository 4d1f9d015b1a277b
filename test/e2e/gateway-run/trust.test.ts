import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { Agent, fetch as undiciFetch } from 'undici';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Issued } from '../../../src/pki/index.js';
import { run } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { everything, firstText, legacyClient, startGateway } from '../../support/gateway-run.js';
import { judgedBy } from '../../support/judges.js';
import { patience } from '../../support/patience.js';
import { filesOf, gatewayLeaf, newCa, newCrl, pluginLeaf, tlsBlock, ways } from '../../support/trust.js';

const put = ways['a rename of each file'];
const echo = { name: 'echo', arguments: { message: 'hi' } };
const inUse = 'new certificates are in use';

/** A gateway that asks for client certificates, with a revocation list, and the folder of its own files. */
async function watchedGateway(place: (typeof ways)[keyof typeof ways] = put) {
  const ca = await newCa();
  const folder = await temporaryFolder();
  await place(folder, { ...filesOf(await pluginLeaf(ca, 'Entrance'), ca), 'ca.crl': await newCrl(ca) });
  const gateway = await startGateway({
    gateway: {
      host: 'localhost',
      upstreams: { one: everything },
      tls: tlsBlock(folder, { ssl_cert_reqs: 2, crl_file: join(folder, 'ca.crl') }),
      auth: { kind: 'mtls' },
    },
  });
  const known = (code: string) =>
    gateway.waitForLog((line) => line.msg.startsWith('connection ended') && line.code === code);
  return { ca, folder, gateway, known };
}

/** An MCP client with that certificate, which keeps its connections. */
async function clientWith(url: string, { certPem: cert, keyPem: key }: Issued, ...cas: readonly Issued[]) {
  const dispatcher = new Agent({ connect: { ca: cas.map(({ certPem }) => certPem), cert, key } });
  onTestFinished(() => dispatcher.destroy());
  const fetch = ((input: string | URL, init?: object) =>
    undiciFetch(input, { ...init, dispatcher } as never)) as unknown as typeof globalThis.fetch;
  const client = await legacyClient(url, { fetch });
  return async () => firstText(await client.callTool(echo));
}

async function connection(port: number, ca: Issued, { certPem: cert, keyPem: key }: Issued) {
  const socket: TLSSocket = connect({ port, host: 'localhost', ca: ca.certPem, cert, key });
  onTestFinished(() => void socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

describe('the listener of a gateway', () => {
  it.each(Object.entries(ways))(
    '[O3] whose files are replaced by %s shows the new certificate, and drops no session',
    async (_title, place) => {
      const { ca, folder, gateway } = await watchedGateway(place);
      const client = await gatewayLeaf(ca);
      const call = await clientWith(gateway.url, client, ca);
      expect(await call()).toBe('Echo: hi');
      const next = await pluginLeaf(ca, 'Entrance', { keyType: 'ec-p384' });
      await place(folder, { ...filesOf(next, ca), 'ca.crl': await newCrl(ca) });
      await gateway.waitForLog(({ msg }) => msg === inUse);
      const socket = await connection(gateway.port, ca, client);
      expect(socket.getPeerX509Certificate()?.toString()).toBe(next.certPem);
      expect(await call()).toBe('Echo: hi');
      const metrics = gateway.healthUrl?.replace('/health', '/metrics') ?? '';
      const page = await (await fetch(metrics)).text();
      expect(page).toContain('sallyport_tls_reloads_total{role="server",result="changed"} 1');
      expect(page).toMatch(/expiry_seconds\{role="server",kind="leaf",subject="CN=mcp-plugin-Entrance"/);
    },
  );

  it('[O3] that is told by SIGHUP of files that are not whole says so each time, and goes on', async () => {
    const { ca, folder, gateway } = await watchedGateway();
    const call = await clientWith(gateway.url, await gatewayLeaf(ca), ca);
    await writeFile(join(folder, 'tls.key'), '');
    await gateway.waitForLog(({ msg }) => msg.startsWith('the certificates in use are kept'));
    const before = gateway.log.length;
    gateway.child.kill('SIGHUP');
    await gateway.waitForLog(({ msg }) => msg.startsWith('SIGHUP'), before);
    expect(gateway.log.slice(before).map(({ code }) => code)).toContain('SALLY_TLS_NOT_PEM');
    expect(await call()).toBe('Echo: hi');
  });

  it('[O3] changes its CA in steps under clients of both', async () => {
    const { ca, folder, gateway, known } = await watchedGateway();
    const next = await newCa('Next');
    const old = await clientWith(gateway.url, await gatewayLeaf(ca), ca, next);
    expect(await old()).toBe('Echo: hi');
    const both = (await newCrl(ca)) + (await newCrl(next));
    await put(folder, { ...filesOf(await pluginLeaf(next, 'Entrance'), ca, next), 'ca.crl': both });
    await gateway.waitForLog(({ msg }) => msg === inUse);
    const young = await clientWith(gateway.url, await gatewayLeaf(next), ca, next);
    expect([await old(), await young()]).toEqual(['Echo: hi', 'Echo: hi']);
    await put(folder, { 'ca.crt': next.certPem, 'ca.crl': await newCrl(next) });
    await known('SALLY_TLS_UNKNOWN_CA');
    await expect(old()).rejects.toThrow();
    expect(await young()).toBe('Echo: hi');
  });

  it('[O3] tells a client that is revoked no more: what it listens to ends with its certificate', async () => {
    const { ca, folder, gateway, known } = await watchedGateway();
    const leaked = await gatewayLeaf(ca);
    const socket = await connection(gateway.port, ca, leaked);
    let heard = '';
    socket.on('data', (bytes: Buffer) => {
      heard += bytes;
    });
    const send = (method: string, headers: Record<string, string>, body = '') => {
      const all = { host: 'localhost', ...headers, ...(body && { 'content-length': body.length }) };
      const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
      socket.write(`${method} /mcp HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
    };
    const clientInfo = { name: 'a', version: '1' };
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
    const accept = 'application/json, text/event-stream';
    const json = { 'content-type': 'application/json', accept };
    send('POST', json, JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params }));
    await expect.poll(() => heard).toMatch(/mcp-session-id: \S+\r\n/i);
    const session = /mcp-session-id: (\S+)/i.exec(heard)?.[1] ?? '';
    heard = '';
    send('GET', { accept: 'text/event-stream', 'mcp-session-id': session });
    await expect.poll(() => heard).toContain('text/event-stream');
    const over = once(socket, 'close');
    await put(folder, { 'ca.crl': await newCrl(ca, [leaked]) });
    await known('SALLY_TLS_REVOKED');
    const at = performance.now();
    await over;
    // A reply that is under way could have 30 s.
    expect(performance.now() - at).toBeLessThan(patience(15_000));
  });

  it('[O3] ends the connections of a client that is revoked, and of no other', async () => {
    const { ca, folder, gateway, known } = await watchedGateway();
    const [leaked, good] = [await gatewayLeaf(ca), await gatewayLeaf(ca)];
    const bad = await clientWith(gateway.url, leaked, ca);
    const call = await clientWith(gateway.url, good, ca);
    expect([await bad(), await call()]).toEqual(['Echo: hi', 'Echo: hi']);
    await put(folder, { 'ca.crl': await newCrl(ca, [leaked]) });
    await known('SALLY_TLS_REVOKED');
    await expect(bad()).rejects.toThrow();
    const again = connect({
      port: gateway.port,
      host: 'localhost',
      ca: ca.certPem,
      cert: leaked.certPem,
      key: leaked.keyPem,
    });
    again.on('error', () => {}).resume();
    await once(again, 'close');
    await gateway.waitForLog(
      ({ msg, code }) => code === 'SALLY_TLS_REVOKED' && !msg.startsWith('connection'),
    );
    expect(await call()).toBe('Echo: hi');
  });

  it('[O3] ends a connection with the certificate of its client', async () => {
    const { ca, gateway, known } = await watchedGateway();
    const notAfter = new Date(Date.now() + 4_000);
    const socket = await connection(gateway.port, ca, await gatewayLeaf(ca, { notAfter }));
    socket.resume();
    await once(socket, 'close');
    expect(Date.now()).toBeGreaterThan(Math.floor(notAfter.getTime() / 1000) * 1000);
    await known('SALLY_TLS_PEER_EXPIRED');
  });

  judgedBy('openssl').each(['-tls1_2', '-tls1_3'])('[O3] resumes no session, with %s', async (version) => {
    const { ca, gateway } = await watchedGateway();
    const folder = await temporaryFolder();
    await put(folder, filesOf(await gatewayLeaf(ca), ca));
    const { certfile, keyfile, ca_bundle } = tlsBlock(folder);
    const session = join(folder, 'session.pem');
    const identity = ['-cert', certfile, '-key', keyfile, '-CAfile', ca_bundle];
    const base = ['s_client', '-connect', `localhost:${gateway.port}`, version, '-ign_eof', ...identity];
    const request = { input: 'GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' };
    const before = await run('openssl', [...base, '-sess_out', session], request);
    expect(before.stdout).toContain('HTTP/1.1 200');
    const after = await run('openssl', [...base, '-sess_in', session], request);
    expect(after.stdout).toContain('HTTP/1.1 200');
    expect(after.stdout).not.toContain('Reused,');
  });
});

describe('the principal of a certificate', () => {
  const uri = 'spiffe://t/alice';

  it('[S3] is that of its kind of name: a CN with the text of a URI does not reach the session of its holder', async () => {
    const { ca, gateway } = await watchedGateway();
    const alice = await gatewayLeaf(ca, { sans: [{ type: 'uri', value: uri }] });
    const others = {
      CN: await gatewayLeaf(ca, { subject: { CN: uri }, sans: [] }),
      DNS: await gatewayLeaf(ca, { sans: [{ type: 'dns', value: uri }] }),
    };
    const ask = async (leaf: Issued, method: string, session?: string) => {
      const dispatcher = new Agent({
        connect: { ca: ca.certPem, cert: leaf.certPem, key: leaf.keyPem },
      });
      onTestFinished(() => dispatcher.destroy());
      const params = {
        protocolVersion: '2025-11-25',
        capabilities: {},
        clientInfo: { name: 'raw', version: '1' },
      };
      const reply = await undiciFetch(gateway.url, {
        dispatcher,
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          ...(session !== undefined && { 'mcp-session-id': session }),
        },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, ...(method === 'initialize' && { params }) }),
      });
      await reply.text();
      return reply;
    };
    const opened = await ask(alice, 'initialize');
    const session = opened.headers.get('mcp-session-id') ?? '';
    expect((await ask(alice, 'tools/list', session)).status).toBe(200);
    for (const [kind, leaf] of Object.entries(others)) {
      expect((await ask(leaf, 'initialize')).status, kind).toBe(200);
      expect((await ask(leaf, 'tools/list', session)).status, kind).toBe(404);
    }
    await gateway.waitForLog(({ code }) => code === 'SALLY_TLS_COMMON_NAME');
  });
});
