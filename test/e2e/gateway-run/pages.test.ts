import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { exportJWK, generateKeyPair } from 'jose';
import { request } from 'undici';
import { describe, expect, it } from 'vitest';
import { cert } from '../../support/certs.js';
import { temporaryFolder } from '../../support/folder.js';
import { everything, startGateway } from '../../support/gateway-run.js';
import { rawExchange, statuses } from '../../support/raw-http.js';

const upstreams = { one: everything };
const metadata = '/.well-known/oauth-protected-resource';
const allPages = ['/ready', '/metrics', metadata, `${metadata}/mcp`, '/mcp', '/elsewhere'];
const sidePages = ['/ready', '/metrics', '/elsewhere'];

async function jwt() {
  const file = join(await temporaryFolder(), 'jwks.json');
  const { publicKey } = await generateKeyPair('ES256');
  await writeFile(file, JSON.stringify({ keys: [await exportJWK(publicKey)] }));
  return { kind: 'jwt', issuer: 'https://issuer.example', audience: 'https://gw.example', jwks: file };
}
const tls = (clients: 0 | 2) => ({
  certfile: cert('server.crt'),
  keyfile: cert('server.key'),
  ca_bundle: cert('ca.crt'),
  ssl_cert_reqs: clients,
});
const status = async (url: string, headers: Record<string, string> = {}) => {
  const { statusCode, body } = await request(url, { headers });
  await body.dump();
  return statusCode;
};
const statusOf = (origin: string, pages: readonly string[], headers: Record<string, string>) =>
  Promise.all(pages.map((page) => status(origin + page, headers)));
/** An address of this machine that others reach; where there is none, its own. */
const ownAddress = () =>
  Object.values(networkInterfaces())
    .flat()
    .find((one) => one?.family === 'IPv4' && !one.internal)?.address ?? '127.0.0.1';

describe('[M16] Host and Origin, on every page of a gateway', () => {
  it('a page that rebinds a name reads none of them, and /health answers everybody', async () => {
    const { port } = await startGateway({ gateway: { upstreams, auth: await jwt() } });
    const origin = `http://127.0.0.1:${port}`;
    const all = (value: number) => allPages.map(() => value);
    expect(await statusOf(origin, allPages, { host: 'evil.example' })).toEqual(all(421));
    expect(await statusOf(origin, allPages, { origin: 'https://evil.example' })).toEqual(all(403));
    expect(await status(`${origin}/health`, { host: 'evil.example' })).toBe(200);
    expect(await status(`${origin}/health`, { origin: 'https://evil.example' })).toBe(200);
    expect(await statusOf(origin, allPages, {})).toEqual([200, 200, 200, 200, 401, 404]);
    expect(await status(origin + metadata, { origin: 'http://localhost:6274' })).toBe(200);

    const ask = async (target: string, host: string, path = '') => {
      const lines = [`GET ${target}${path} HTTP/1.1`, `Host: ${host}`, 'Connection: close', '', ''];
      return statuses(await rawExchange(port, lines.join('\r\n')))[0];
    };
    for (const host of ['a b', '[::', '%00', 'a,b', 'user@localhost'])
      for (const page of allPages) expect([host, page, await ask(page, host)]).toEqual([host, page, 400]);
    for (const page of allPages) {
      expect(await ask('http://evil.example', 'localhost', page)).toBe(421);
      expect(await ask('http://localhost', 'evil.example', page)).not.toBe(421);
    }
    const named = `GET http://localhost:${port}${metadata} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
    expect(await rawExchange(port, named)).toContain(`"resource":"http://localhost:${port}/mcp"`);
    // HTTP/1.0 may say no name at all: the one of the connection is there in any case.
    const nameless = await rawExchange(port, 'GET /health HTTP/1.0\r\n\r\n');
    expect(statuses(nameless)).toEqual([200]);
  });

  it('the plain health port has the same rule, and answers to the address that a probe has called', async () => {
    const gateway = await startGateway({
      gateway: { host: '0.0.0.0', upstreams, allowed_hosts: ['gateway'], auth: await jwt(), tls: tls(0) },
    });
    const { healthPort } = gateway as unknown as { healthPort: number };
    const origin = `http://127.0.0.1:${healthPort}`;
    expect(await statusOf(origin, sidePages, { host: 'evil.example' })).toEqual([421, 421, 421]);
    expect(await statusOf(origin, sidePages, { origin: 'http://evil.example' })).toEqual([403, 403, 403]);
    expect(await statusOf(origin, sidePages, { host: 'gateway:5444' })).toEqual([200, 200, 404]);
    expect(await status(`${origin}/health`, { host: 'evil.example' })).toBe(200);
    const byAddress = `http://${ownAddress()}:${healthPort}`;
    expect(await statusOf(byAddress, sidePages, {})).toEqual([200, 200, 404]);
    expect(await statusOf(origin, sidePages, { host: '192.0.2.1' })).toEqual([421, 421, 421]);

    // With TLS the address of the connection is known too.
    const ask = (host: string) =>
      rawExchange(
        connectTls({ port: gateway.port, host: ownAddress(), rejectUnauthorized: false }),
        `GET ${metadata} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
      ).then(statuses);
    expect(await ask(ownAddress())).toEqual([200]);
    expect(await ask('192.0.2.1')).toEqual([421]);
  });

  it('who has to show a certificate is no page, but a malformed Host is none for them either', async () => {
    const { port } = await startGateway({ gateway: { host: 'localhost', upstreams, tls: tls(2) } });
    const identity = { cert: readFileSync(cert('client.crt')), key: readFileSync(cert('client.key')) };
    const ask = (host: string) =>
      rawExchange(
        connectTls({ port, host: 'localhost', rejectUnauthorized: false, ...identity }),
        `GET /ready HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
      ).then(statuses);
    expect(await ask('anything.example')).toEqual([200]);
    expect(await ask('a b')).toEqual([400]);
  });
});
