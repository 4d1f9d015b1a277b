import { readFile, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createLogger } from '../../../src/log.js';
import { cert, keyPassword } from '../../support/certs.js';
import { temporaryFolder } from '../../support/folder.js';
import { callTool, errorOf, openGateway } from '../../support/gateway.js';
import { clientTls, serverTls, startPluginServer } from '../../support/plugin-server.js';
import { tcpServer } from '../../support/tcp.js';

/** A listener that is not ours, on a free port. */
async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** A TLS server that presents a certificate which a plugin server of ours would refuse to start with. */
async function serverWith(name: string): Promise<string> {
  const [certificate, key] = await Promise.all([
    readFile(cert(`${name}.crt`)),
    readFile(cert(`${name}.key`)),
  ]);
  const port = await listening(
    createHttpsServer({ cert: certificate, key }, (_request, response) => response.end()),
  );
  return `https://localhost:${port}/mcp`;
}

const pair = (name: string) => ({ certfile: cert(`${name}.crt`), keyfile: cert(`${name}.key`) });

describe('a connection that stands', () => {
  it('[G1,S9] a hook call over mutual TLS comes back with the payload changed', async () => {
    const server = await startPluginServer();
    expect(await callTool(await openGateway({ url: server.url }))).toBe('what a crud day');
  });

  it('[G1] the variables alone hold the certificates, and win over YAML field by field', async () => {
    const server = await startPluginServer();
    const { certfile, keyfile, ca_bundle } = clientTls();
    const env = { PLUGINS_CLIENT_MTLS_CERTFILE: certfile, PLUGINS_CLIENT_MTLS_KEYFILE: keyfile };
    const only = await openGateway({
      url: server.url,
      tls: null,
      env: { ...env, PLUGINS_CLIENT_MTLS_CA_BUNDLE: ca_bundle },
    });
    expect(await callTool(only)).toBe('what a crud day');
    const over = await openGateway({ url: server.url, tls: { ...pair('client-other-ca'), ca_bundle }, env });
    expect(await callTool(over)).toBe('what a crud day');
  });

  it('[G1,S4] an encrypted key of the gateway', async () => {
    const server = await startPluginServer();
    const tls = {
      ca_bundle: cert('ca.crt'),
      certfile: cert('client.crt'),
      keyfile: cert('client-encrypted.key'),
    };
    const manager = await openGateway({ url: server.url, tls: { ...tls, keyfile_password: keyPassword } });
    expect(await callTool(manager)).toBe('what a crud day');
    const error = await errorOf(openGateway({ url: server.url, tls }));
    expect(error).toMatchObject({ code: 'SALLY_TLS_KEY_ENCRYPTED', exitStatus: 3 });
    expect(error.remedy).toContain('PLUGINS_CLIENT_MTLS_KEYFILE_PASSWORD');
  });

  it('[G1] connections are kept alive: many calls, one handshake', async () => {
    const server = await startPluginServer({ env: { LOG_LEVEL: 'DEBUG' } });
    const manager = await openGateway({ url: server.url });
    for (let i = 0; i < 20; i += 1) await callTool(manager);
    const handshakes = server.log.filter((line) => line.msg === 'TLS handshake done');
    // The MCP client may begin with a second one while the first is still busy.
    expect(handshakes.length).toBeLessThanOrEqual(2);
  });

  it('[G1] many calls at once', async () => {
    const server = await startPluginServer();
    const manager = await openGateway({ url: server.url });
    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => callTool(manager, `crap ${i}`)));
    expect(answers).toEqual(Array.from({ length: 200 }, (_, i) => `crud ${i}`));
  });

  it('[G1] plain HTTP, where the URL says so', async () => {
    const server = await startPluginServer({ tls: null });
    expect(await callTool(await openGateway({ url: server.url }))).toBe('what a crud day');
  });
});

describe('the name of the server', () => {
  const at = (server: { port: number }, host: string) => `https://${host}:${server.port}/mcp`;

  it('[G3] localhost is in the certificate', async () => {
    const server = await startPluginServer();
    const manager = await openGateway({
      url: at(server, 'localhost'),
      tls: { ...clientTls(), check_hostname: true },
    });
    expect(await callTool(manager)).toBe('what a crud day');
  });

  it('[G3] 127.0.0.1 is not', async () => {
    const server = await startPluginServer({ host: '127.0.0.1' });
    const error = await errorOf(callTool(await openGateway({ url: at(server, '127.0.0.1') })));
    expect(error.code).toBe('SALLY_TLS_HOSTNAME');
    expect(error.message).toContain("IP address mismatch, certificate is not valid for '127.0.0.1'");
    expect(error.remedy).toContain('server_name');
  });

  it('[G3] a host name that is not in the certificate', async () => {
    const error = await errorOf(callTool(await openGateway({ url: await serverWith('server-elsewhere') })));
    expect(error.message).toContain("Hostname mismatch, certificate is not valid for 'localhost'");
    expect(error.message).toContain('DNS:elsewhere.example');
  });

  it('[G2,G3] 127.0.0.1 passes with check_hostname false, with a warning that names the plugin', async () => {
    const server = await startPluginServer({ host: '127.0.0.1' });
    const options = { url: at(server, '127.0.0.1'), tls: { ...clientTls(), check_hostname: false } };
    expect(await callTool(await openGateway(options))).toBe('what a crud day');
  });

  it('[G3] 127.0.0.1 passes with an IP SAN, and with server_name', async () => {
    const named = await startPluginServer({
      host: '127.0.0.1',
      tls: { ...serverTls(), ...pair('server-ip') },
    });
    expect(await callTool(await openGateway({ url: at(named, '127.0.0.1') }))).toBe('what a crud day');
    const unnamed = await startPluginServer({ host: '127.0.0.1' });
    const tls = { ...clientTls(), server_name: 'mcp-plugin-P' };
    expect(await callTool(await openGateway({ url: at(unnamed, '127.0.0.1'), tls }))).toBe('what a crud day');
  });

  it('[G3] server_name is checked too', async () => {
    const server = await startPluginServer({ host: '127.0.0.1' });
    const tls = { ...clientTls(), server_name: 'another' };
    const error = await errorOf(callTool(await openGateway({ url: at(server, '127.0.0.1'), tls })));
    expect(error.message).toContain("Hostname mismatch, certificate is not valid for 'another'");
  });
});

describe('verification of the server', () => {
  it.each([
    ['server-other-ca', 'SALLY_TLS_UNKNOWN_CA'],
    ['server-expired', 'SALLY_TLS_PEER_EXPIRED'],
    ['server-not-yet', 'SALLY_TLS_PEER_NOT_YET_VALID'],
    ['server-as-client', 'SALLY_TLS_PEER_PURPOSE'],
  ])('[G4,G5] %s', async (name, code) => {
    const error = await errorOf(callTool(await openGateway({ url: await serverWith(name) })));
    expect(error).toMatchObject({ code, remedy: expect.stringMatching(/\w/) });
    // Whoever it is, is named.
    expect(error.message).toContain(
      name === 'server-as-client' ? 'CN=mcp-gateway-client' : 'CN=mcp-plugin-P',
    );
  });

  it('[S8] DEBUG names the certificate of a server that was refused', async () => {
    const logged: string[] = [];
    const log = createLogger({
      level: 'debug',
      stream: { write: (line) => logged.push(line) },
    });
    await errorOf(callTool(await openGateway({ url: await serverWith('server-expired'), log })));
    const line = logged.find((one) => one.includes('TLS handshake refused'));
    expect(JSON.parse(line ?? '{}')).toMatchObject({ subject: 'CN=mcp-plugin-P', protocol: 'TLSv1.3' });
  });

  it('[G2] verify: false takes any certificate', async () => {
    const server = await startPluginServer({
      tls: { ...serverTls(), ...pair('server-other-ca'), ca_bundle: cert('other-ca.crt'), ssl_cert_reqs: 0 },
    });
    const tls = { ...pair('client'), verify: false };
    expect(await callTool(await openGateway({ url: server.url, tls }))).toBe('what a crud day');
  });

  it('[G4] roots that the environment adds to the system are not trusted', async () => {
    // NODE_EXTRA_CA_CERTS is read when a process starts: the command is asked, with the other CA among the roots.
    const { sallyport } = await import('../../support/command.js');
    const { writeConfig } = await import('../../support/plugin-server.js');
    const path = await writeConfig({
      plugins: [
        {
          name: 'P',
          kind: 'external',
          mcp: { proto: 'STREAMABLEHTTP', url: await serverWith('server-other-ca'), tls: clientTls() },
        },
      ],
    });
    const args = [
      'invoke',
      'tool_pre_invoke',
      '--config',
      path,
      '--plugin',
      'P',
      '--payload',
      '{"name":"t"}',
    ];
    const { status, stderr } = await sallyport(args, { env: { NODE_EXTRA_CA_CERTS: cert('other-ca.crt') } });
    expect(status).toBe(3);
    expect(stderr).toContain('SALLY_TLS_UNKNOWN_CA');
  });
});

describe('ways not to get through', () => {
  it('[G5] refused: nobody listens', async () => {
    const probe = tcpServer();
    const port = await listening(probe);
    await new Promise((resolve) => probe.close(resolve));
    const error = await errorOf(callTool(await openGateway({ url: `https://localhost:${port}/mcp` })));
    expect(error.code).toBe('SALLY_CONNECT_REFUSED');
  });

  it('[G5] a host name that does not resolve', async () => {
    const error = await errorOf(callTool(await openGateway({ url: 'https://nowhere.invalid:8000/mcp' })));
    expect(error).toMatchObject({
      code: 'SALLY_CONNECT_HOST',
      message: expect.stringContaining('nowhere.invalid'),
    });
  });

  it('[G5] a server that accepts and says nothing: the call ends in time', async () => {
    const port = await listening(tcpServer());
    const manager = await openGateway({
      url: `https://localhost:${port}/mcp`,
      settings: { plugin_timeout: 0.4 },
    });
    expect((await errorOf(callTool(manager))).code).toMatch(/^SALLY_(CONNECT|PLUGIN)_TIMEOUT$/);
  });

  it('[G5] the client certificate is missing', async () => {
    const server = await startPluginServer();
    const error = await errorOf(
      callTool(await openGateway({ url: server.url, tls: { ca_bundle: cert('ca.crt') } })),
    );
    expect(error).toMatchObject({
      code: 'SALLY_TLS_NO_CLIENT_CERT',
      remedy: expect.stringContaining('mcp.tls.certfile'),
    });
  });

  it('[G5] the client certificate is refused', async () => {
    const server = await startPluginServer();
    const tls = { ...pair('client-other-ca'), verify: false };
    const error = await errorOf(callTool(await openGateway({ url: server.url, tls })));
    expect(error.code).toBe('SALLY_TLS_CLIENT_CERT_REFUSED');
    expect(error.remedy).toContain('log of the plugin server');
    await server.waitForLog((line) => line.code === 'SALLY_TLS_UNKNOWN_CA');
  });

  it('[G5] the client certificate is missing or refused over TLS 1.2 too', async () => {
    const limited = await startPluginServer({ env: { NODE_OPTIONS: '--tls-max-v1.2' } });
    const without = await errorOf(
      callTool(await openGateway({ url: limited.url, tls: { ca_bundle: cert('ca.crt') } })),
    );
    expect(without.code).toMatch(/SALLY_TLS_(NO_CLIENT_CERT|HANDSHAKE)/);
  });

  it.each([
    ['client-expired', 'SALLY_CERT_EXPIRED'],
    ['client-not-yet', 'SALLY_CERT_NOT_YET_VALID'],
    ['server', 'SALLY_TLS_PURPOSE'],
    ['client-other-ca', 'SALLY_TLS_CHAIN'],
  ])('[G5] %s as the own certificate is refused before anything connects', async (name, code) => {
    const tls = { ...clientTls(), ...pair(name) };
    const error = await errorOf(openGateway({ url: 'https://localhost:1/mcp', tls }));
    expect(error).toMatchObject({ code, exitStatus: 3 });
  });

  it('[G5] TLS to a plain port', async () => {
    const server = await startPluginServer({ tls: null });
    const error = await errorOf(callTool(await openGateway({ url: server.url.replace('http:', 'https:') })));
    expect(error.code).toBe('SALLY_TLS_NOT_TLS');
  });

  it('[G5] plain HTTP to a TLS port', async () => {
    const server = await startPluginServer();
    const error = await errorOf(callTool(await openGateway({ url: server.url.replace('https:', 'http:') })));
    expect(error).toMatchObject({
      code: 'SALLY_WIRE_HTTP_STATUS',
      message: expect.stringContaining('speaks TLS'),
    });
  });

  it('[G5] the path is wrong', async () => {
    const server = await startPluginServer();
    const error = await errorOf(callTool(await openGateway({ url: server.url.replace('/mcp', '/mpc') })));
    expect(error).toMatchObject({ code: 'SALLY_WIRE_HTTP_STATUS', remedy: expect.stringContaining('/mcp') });
  });

  it('[G5] something else that speaks HTTP', async () => {
    const port = await listening(createHttpServer((_request, response) => response.end('hello')));
    const error = await errorOf(callTool(await openGateway({ url: `http://localhost:${port}/mcp` })));
    expect(error.code).toMatch(/^SALLY_WIRE_/);
  });

  it('[G5] the plugin has another name there', async () => {
    const server = await startPluginServer();
    const error = await errorOf(callTool(await openGateway({ url: server.url, name: 'Nobody' })));
    expect(error).toMatchObject({
      code: 'SALLY_PLUGIN_NOT_FOUND',
      message: expect.stringContaining('ReplaceBadWordsPlugin'),
    });
  });

  it('[G5] no redirect to another origin is followed', async () => {
    let asked = 0;
    const elsewhere = await listening(
      createHttpServer((_request, response) => {
        asked += 1;
        response.end('{}');
      }),
    );
    const port = await listening(
      createHttpServer((_request, response) => {
        response.writeHead(307, { location: `http://localhost:${elsewhere}/mcp` }).end();
      }),
    );
    await errorOf(callTool(await openGateway({ url: `http://localhost:${port}/mcp` })));
    expect(asked).toBe(0);
  });
});

it('[S8] the gateway side logs subject, protocol and cipher at DEBUG', async () => {
  const server = await startPluginServer();
  const logged: string[] = [];
  const log = createLogger({
    level: 'debug',
    stream: { write: (line) => logged.push(line) },
  });
  await callTool(await openGateway({ url: server.url, log }));
  expect(logged.join('')).toContain('"subject":"CN=mcp-plugin-P"');
  expect(logged.join('')).toContain('"protocol":"TLSv1.3"');
});

it('[G6] a server that reports a hook whose name is close to one of the contract is warned of', async () => {
  const kind = await pluginModule(
    'setup: () => ({ hooks: {}, foreignHooks: { tool_pre_invok() {}, theirs() {} } })',
  );
  const server = await startPluginServer({ plugins: [{ name: 'P', kind }] });
  const logged: string[] = [];
  const log = createLogger({ level: 'warn', stream: { write: (line) => logged.push(line) } });
  await openGateway({ url: server.url, name: 'P', connect: 'now', log });
  expect(logged).toHaveLength(1);
  expect(JSON.parse(logged[0] ?? '')).toMatchObject({
    plugin: 'P',
    code: 'SALLY_HOOK_UNKNOWN',
    msg: expect.stringContaining('did you mean tool_pre_invoke?'),
  });
});

/** A plugin module of these members, in a folder of its own. */
async function pluginModule(members: string): Promise<string> {
  const path = join(await temporaryFolder(), 'plugin.mjs');
  await writeFile(path, `export default { ${members} };\n`);
  return path;
}
