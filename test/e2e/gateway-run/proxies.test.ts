import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { expect, it, onTestFinished } from 'vitest';
import { cert } from '../../support/certs.js';
import { temporaryFolder } from '../../support/folder.js';
import { firstText, legacyClient, startGateway } from '../../support/gateway-run.js';
import { judgedBy } from '../../support/judges.js';
import { serveModern, serveSessions } from '../../support/mcp-fixture.js';
import { patience } from '../../support/patience.js';
import { clientTls, startPluginServer } from '../../support/plugin-server.js';
import { startProxy } from '../../support/proxy.js';
import { tcpClient, tcpServer } from '../../support/tcp.js';
import { freePort } from '../../support/upstreams.js';

const echo = { name: 'echo', arguments: { text: 'by proxy' } };

it('takes the proxy of the environment for http and https upstreams and for the keys of an issuer', async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const keys = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' }] });
  const tls = { cert: readFileSync(cert('server.crt')), key: readFileSync(cert('server.key')) };
  const issuer = createServer(tls, (_, response) => response.end(keys)).listen(0, '127.0.0.1');
  await new Promise((done) => issuer.once('listening', done));
  onTestFinished(() => void issuer.close());
  const { port } = issuer.address() as AddressInfo;
  const plain = await serveSessions();
  const secure = await serveModern({ tls: true });
  const proxy = await startProxy({ credentials: 'ada:s3cret' });
  const withUser = proxy.url.replace('//', '//ada:s3cret@');
  const gateway = await startGateway(
    {
      gateway: {
        auth: {
          kind: 'jwt',
          issuer: 'https://issuer.example',
          audience: 'gw',
          jwks: `https://p:${port}/jwks`,
        },
        upstreams: {
          plain: { url: plain.url.replace('localhost', 'p') },
          secure: {
            url: secure.url.replace('localhost', 'p'),
            tls: { ca_bundle: cert('ca.crt'), certfile: cert('client.crt'), keyfile: cert('client.key') },
          },
        },
      },
    },
    { env: { HTTP_PROXY: withUser, https_proxy: withUser, NODE_EXTRA_CA_CERTS: cert('ca.crt') } },
  );
  const token = await new SignJWT({ iss: 'https://issuer.example', aud: 'gw', sub: 'ada' })
    .setProtectedHeader({ alg: 'ES256', kid: 'one' })
    .setExpirationTime('1m')
    .sign(privateKey);
  const client = await legacyClient(gateway.url, { token });
  for (const name of ['plain', 'secure']) {
    const result = await client.callTool({ ...echo, name: `${name}__echo` });
    expect(firstText(result)).toBe('by proxy');
  }
  expect(proxy.asked).toContain(`CONNECT p:${port}`);
  const log = JSON.stringify(gateway.log);
  expect(log).toContain(`connected to the upstream 'plain' through the proxy ${proxy.url}`);
  expect(log).toContain(`the issuer at p:${port} is asked through the proxy ${proxy.url}`);
  expect(log).not.toMatch(/s3cret|YWRhOnMzY3JldA/);
});

it('goes on with another proxy after a reload', async () => {
  const { url } = await serveSessions();
  const [before, after] = [await startProxy(), await startProxy()];
  const file = (proxy: string) => ({
    gateway: { proxy, upstreams: { web: { url: url.replace('localhost', 'p') } } },
  });
  const gateway = await startGateway(file(before.url));
  await gateway.reload(file(after.url));
  await expect.poll(() => after.asked.length, { timeout: patience(5_000) }).toBeGreaterThan(0);
  const client = await legacyClient(gateway.url);
  expect(firstText(await client.callTool(echo))).toBe('by proxy');
});

it('reaches a plugin server through a proxy where its entry says so, and not by the environment', async () => {
  const server = await startPluginServer();
  const proxy = await startProxy();
  const other = await startProxy({ refuses: 403 });
  const upstream = await serveSessions();
  const plugin = {
    name: 'ReplaceBadWordsPlugin',
    kind: 'external',
    mcp: {
      proto: 'STREAMABLEHTTP',
      url: server.url.replace('localhost', 'p').replace('127.0.0.1', 'p'),
      tls: clientTls(),
      proxy: proxy.url,
    },
  };
  const gateway = await startGateway(
    { plugins: [plugin], gateway: { upstreams: { web: { url: upstream.url } } } },
    { env: { HTTPS_PROXY: other.url } },
  );
  const client = await legacyClient(gateway.url);
  expect(firstText(await client.callTool({ ...echo, arguments: { text: 'what a crap day' } }))).toBe(
    'what a crud day',
  );
  expect(proxy.asked[0]).toMatch(/^CONNECT p:\d+$/);
  expect(other.asked).toEqual([]);
});

judgedBy('tinyproxy')('reaches upstreams through tinyproxy, with and without TLS', async () => {
  const folder = await temporaryFolder();
  const port = await freePort();
  const path = join(folder, 'tinyproxy.conf');
  const lines = [`Port ${port}`, 'Listen 127.0.0.1', 'BasicAuth ada s3cret', 'Timeout 60', 'MaxClients 20'];
  await writeFile(path, `${lines.join('\n')}\n`);
  const child = spawn('tinyproxy', ['-d', '-c', path], { stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  const listens = () =>
    new Promise<boolean>((done) => {
      const probe = tcpClient({ port, host: '127.0.0.1' })
        .on('connect', () => done(true))
        .on('error', () => done(false));
      probe.unref();
    });
  await expect.poll(listens, { timeout: patience(5_000) }).toBe(true);
  // It leads to an address of this machine that is not loopback, for which none is asked.
  const own = Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4')?.address;
  const [plain, secure] = [await serveSessions(), await serveModern({ tls: true })];
  const outside = async (inside: number): Promise<number> => {
    const server = tcpServer((socket) => {
      const onward = tcpClient({ port: inside, host: '127.0.0.1' });
      socket.pipe(onward).pipe(socket);
      socket.on('close', () => onward.destroy());
      onward.on('close', () => socket.destroy());
    });
    await new Promise<void>((done) => server.listen(0, own, done));
    onTestFinished(() => void server.close());
    return (server.address() as AddressInfo).port;
  };
  const gateway = await startGateway({
    gateway: {
      proxy: `http://ada:s3cret@127.0.0.1:${port}`,
      upstreams: {
        plain: { url: `http://${own}:${await outside(plain.port)}/mcp` },
        secure: {
          url: `https://${own}:${await outside(secure.port)}/mcp`,
          tls: {
            ca_bundle: cert('ca.crt'),
            certfile: cert('client.crt'),
            keyfile: cert('client.key'),
            server_name: 'localhost',
          },
        },
      },
    },
  });
  const client = await legacyClient(gateway.url);
  for (const name of ['plain', 'secure'])
    expect(firstText(await client.callTool({ ...echo, name: `${name}__echo` }))).toBe('by proxy');
});
