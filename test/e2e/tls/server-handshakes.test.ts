import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connect } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { cert, keyPassword } from '../../support/certs.js';
import { run } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { judgedBy } from '../../support/judges.js';
import { type RunningServer, serverTls, startPluginServer } from '../../support/plugin-server.js';
import { tcpClient } from '../../support/tcp.js';

/** `curl` of the health page, with the client certificate of that name, or none. */
function curl(server: RunningServer, client?: string, ...more: string[]) {
  const identity = client ? ['--cert', cert(`${client}.crt`), '--key', cert(`${client}.key`)] : [];
  const url = server.url.replace('/mcp', '/health');
  return run('curl', ['-sS', '--cacert', cert('ca.crt'), ...identity, ...more, url]);
}

const healthy = { status: 0, stdout: '{"status":"healthy"}\n' };

describe('ssl_cert_reqs', () => {
  judgedBy('curl')('[S3] 0 asks for no certificate', async () => {
    const server = await startPluginServer({ tls: { ...serverTls(), ssl_cert_reqs: 0 } });
    expect(await curl(server)).toMatchObject(healthy);
    expect(server.log.map((line) => line.msg).join()).toContain('set ssl_cert_reqs to 2');
  });

  judgedBy('curl')(
    '[S3] 1 serves a client without a certificate and one whose certificate verifies',
    async () => {
      const server = await startPluginServer({ tls: { ...serverTls(), ssl_cert_reqs: 1 } });
      expect(await curl(server)).toMatchObject(healthy);
      expect(await curl(server, 'client')).toMatchObject(healthy);
    },
  );

  it.each([
    ['client-expired', 'SALLY_TLS_PEER_EXPIRED'],
    ['client-not-yet', 'SALLY_TLS_PEER_NOT_YET_VALID'],
    ['client-other-ca', 'SALLY_TLS_UNKNOWN_CA'],
    ['server', 'SALLY_TLS_PEER_PURPOSE'],
  ])('[S3,S8] 1 and 2 refuse %s and log %s in one line', async (client, code) => {
    for (const ssl_cert_reqs of [1, 2]) {
      const server = await startPluginServer({ tls: { ...serverTls(), ssl_cert_reqs } });
      expect(await httpStatus(server, client)).toBeUndefined();
      const line = await server.waitForLog((entry) => entry.code === code);
      expect(line).toMatchObject({ level: 40, remedy: expect.any(String) });
      expect(line.msg).not.toContain('\n');
      await server.stop();
    }
  });

  judgedBy('curl')(
    '[S3] 2 serves a client whose names are all in the extension: its subject is empty',
    async () => {
      const server = await startPluginServer();
      expect(await curl(server, 'client-no-subject')).toMatchObject(healthy);
    },
  );

  judgedBy('curl')('[S3,O1] 2 refuses a client without a certificate, and the alert says so', async () => {
    const server = await startPluginServer();
    const refused = await curl(server);
    expect(refused.status).not.toBe(0);
    expect(refused.stderr).toContain('certificate required');
    await server.waitForLog((line) => line.code === 'SALLY_TLS_NO_CLIENT_CERT');
    expect(await curl(server, 'client')).toMatchObject(healthy);
  });

  it('[S3] a client certificate without extended key usage is accepted, as OpenSSL has it', async () => {
    const server = await startPluginServer();
    expect(await httpStatus(server, 'client-no-eku')).toBe(200);
  });
});

describe('protocol and ciphers', () => {
  judgedBy('openssl')('[S6,O1] TLS 1.1 is refused, with a line that says so', async () => {
    const server = await startPluginServer();
    const refused = await run('openssl', [
      's_client',
      '-connect',
      `localhost:${server.port}`,
      '-tls1_1',
      '-cipher',
      'ALL:@SECLEVEL=0',
    ]);
    expect(refused.status).not.toBe(0);
    expect(refused.stderr).toContain('alert protocol version');
    await server.waitForLog((line) => line.code === 'SALLY_TLS_PROTOCOL');
  });

  judgedBy('openssl').each([
    ['ECDHE-RSA-AES128-SHA256', 'CBC'],
    ['AES128-GCM-SHA256', 'static RSA'],
  ])('[S6] TLS 1.2 with %s (%s) is refused', async (cipher) => {
    const server = await startPluginServer({
      tls: { ...serverTls(), certfile: cert('server-rsa.crt'), keyfile: cert('server-rsa.key') },
    });
    const attempt = (suite: string) =>
      run('openssl', [
        's_client',
        '-connect',
        `localhost:${server.port}`,
        '-tls1_2',
        '-cipher',
        suite,
        '-cert',
        cert('client.crt'),
        '-key',
        cert('client.key'),
      ]);
    expect((await attempt(cipher)).stdout).toContain('Cipher is (NONE)');
    await server.waitForLog((line) => line.code === 'SALLY_TLS_CIPHER');
    expect((await attempt('ECDHE-RSA-AES128-GCM-SHA256')).stdout).toContain(
      'Cipher is ECDHE-RSA-AES128-GCM-SHA256',
    );
  });

  judgedBy('openssl').each(['-tls1_2', '-tls1_3'])('[S6] no session is resumed with %s', async (version) => {
    const server = await startPluginServer();
    const session = join(await temporaryFolder(), 'session.pem');
    const identity = ['-cert', cert('client.crt'), '-key', cert('client.key'), '-CAfile', cert('ca.crt')];
    const base = ['s_client', '-connect', `localhost:${server.port}`, version, '-ign_eof', ...identity];
    const request = { input: 'GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' };
    const first = await run('openssl', [...base, '-sess_out', session], request);
    expect(first.stdout).toContain('"status":"healthy"');
    // TLS 1.3 has tickets of another kind, which say nothing by themselves.
    if (version === '-tls1_2') expect(first.stdout).not.toContain('TLS session ticket');
    // With nothing to resume, openssl either has no session to write or connects anew with it.
    const again = await run('openssl', [...base, '-sess_in', session], request);
    expect(again.stdout).not.toContain('Reused,');
  });

  judgedBy('openssl')('[S6] nobody negotiates anew within TLS 1.2', async () => {
    const server = await startPluginServer();
    const identity = ['-cert', cert('client.crt'), '-key', cert('client.key'), '-CAfile', cert('ca.crt')];
    // A line that begins with R asks for it.
    const refused = await run(
      'openssl',
      ['s_client', '-connect', `localhost:${server.port}`, '-tls1_2', ...identity],
      { input: 'R\n' },
    );
    expect(refused.stderr).toContain('no renegotiation');
  });
});

describe('another protocol on the port', () => {
  judgedBy('curl')(
    '[S8] plain HTTP to the TLS port gets an answer that says https, and a line in the log',
    async () => {
      const server = await startPluginServer();
      const answer = await run('curl', ['-sS', '-i', `http://localhost:${server.port}/mcp`]);
      expect(answer.stdout).toContain('400 Bad Request');
      expect(answer.stdout).toContain('SALLY_TLS_PLAIN_HTTP');
      await server.waitForLog((line) => line.code === 'SALLY_TLS_PLAIN_HTTP');
    },
  );

  it('[S8] TLS to the plain port of a server without TLS is named in its log', async () => {
    const server = await startPluginServer({ tls: null });
    const socket = connect({ port: server.port, host: 'localhost', rejectUnauthorized: false });
    await new Promise((resolve) => socket.once('error', resolve));
    await server.waitForLog((line) => line.code === 'SALLY_TLS_TO_PLAIN_PORT');
  });

  it('[S8] bytes that are neither are refused', async () => {
    const server = await startPluginServer();
    const socket = tcpClient({ port: server.port, host: 'localhost' });
    socket.write(Buffer.from('\u0001\u0002\u0003 nothing anyone speaks\r\n\r\n'));
    expect(await text(socket)).toBe('');
    await server.waitForLog((line) => line.code === 'SALLY_TLS_NOT_TLS');
  });
});

describe('keys', () => {
  it('[S4] an encrypted key is opened with keyfile_password', async () => {
    const tls = { ...serverTls(), keyfile: cert('encrypted.key'), keyfile_password: keyPassword };
    const server = await startPluginServer({ tls });
    expect(await httpStatus(server, 'client')).toBe(200);
  });

  it('[S4] an encrypted key is opened with the variable, and the password is logged nowhere', async () => {
    const env = { PLUGINS_SERVER_SSL_KEYFILE_PASSWORD: keyPassword, LOG_LEVEL: 'DEBUG' };
    const server = await startPluginServer({ tls: { ...serverTls(), keyfile: cert('encrypted.key') }, env });
    expect(await httpStatus(server, 'client')).toBe(200);
    expect(JSON.stringify(server.log)).not.toContain(keyPassword);
  });

  it('[S7] a key that others can read is used, with a warning', async () => {
    const folder = await temporaryFolder();
    const keyfile = join(folder, 'open.key');
    await writeFile(keyfile, await readFile(cert('server.key')), { mode: 0o644 });
    const server = await startPluginServer({ tls: { ...serverTls(), keyfile } });
    const warning = await server.waitForLog((line) => line.code === 'SALLY_TLS_KEY_READABLE');
    expect(warning['remedy']).toBe(`chmod 600 ${keyfile}`);
  });
});

describe('the log', () => {
  it('[S8] DEBUG names subject, SANs, serial, protocol and cipher of each connection', async () => {
    const server = await startPluginServer({ env: { LOG_LEVEL: 'DEBUG' } });
    expect(await httpStatus(server, 'client')).toBe(200);
    const line = await server.waitForLog((entry) => entry.msg === 'TLS handshake done');
    expect(line).toMatchObject({
      subject: 'CN=mcp-gateway-client',
      serial: expect.stringMatching(/^[0-9A-F]+$/),
      protocol: 'TLSv1.3',
      cipher: expect.stringMatching(/^TLS_/),
    });
  });

  it('[S8] DEBUG names the certificate that was refused', async () => {
    const server = await startPluginServer({ env: { LOG_LEVEL: 'DEBUG' } });
    await httpStatus(server, 'client-expired');
    const line = await server.waitForLog((entry) => entry.msg === 'TLS handshake refused');
    expect(line).toMatchObject({
      subject: 'CN=mcp-gateway-client',
      protocol: 'TLSv1.3',
      validTo: expect.any(String),
    });
  });

  judgedBy('curl')('[S8] neither key nor payload is logged at DEBUG', async () => {
    const server = await startPluginServer({ env: { LOG_LEVEL: 'DEBUG' } });
    const secret = createHash('sha256').update('a payload').digest('hex');
    const body = JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: {
        name: 'invoke_hook',
        arguments: {
          hook_type: 'tool_pre_invoke',
          plugin_name: 'ReplaceBadWordsPlugin',
          // Of what is not changed there is nothing in the reply.
          payload: { name: 't', args: { secret, word: 'crap' } },
          context: { global_context: { request_id: '1' } },
        },
      },
    });
    const headers = [
      '-H',
      'content-type: application/json',
      '-H',
      'accept: application/json, text/event-stream',
    ];
    const identity = ['--cert', cert('client.crt'), '--key', cert('client.key'), '--cacert', cert('ca.crt')];
    const answer = await run('curl', ['-sS', ...identity, ...headers, '-d', body, server.url]);
    expect(answer.stdout).toContain(secret);
    await server.waitForLog((line) => line.msg === 'hook call');
    const logged = JSON.stringify(server.log);
    expect(logged).not.toContain(secret);
    expect(logged).not.toContain('PRIVATE KEY');
  });
});

/** The status of `GET /health` with the client certificate of that name; undefined where TLS refuses it. */
async function httpStatus(server: RunningServer, client: string): Promise<number | undefined> {
  const socket = connect({
    port: server.port,
    host: 'localhost',
    servername: 'localhost',
    ca: await readFile(cert('ca.crt')),
    cert: await readFile(cert(`${client}.crt`)),
    key: await readFile(cert(`${client}.key`)),
  });
  socket.on('error', () => {});
  socket.write('GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  const answer = await text(socket).catch(() => '');
  return answer === '' ? undefined : Number(answer.split(' ')[1]);
}
