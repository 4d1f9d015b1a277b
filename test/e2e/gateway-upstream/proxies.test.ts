import type { Server } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import type { UpstreamSettings } from '../../../src/config/index.js';
import { environmentProxies } from '../../../src/config/proxies.js';
import { type Logger, silentLogger } from '../../../src/log.js';
import { cert } from '../../support/certs.js';
import { serveModern, serveSessions } from '../../support/mcp-fixture.js';
import { startProxy } from '../../support/proxy.js';
import { tcpServer } from '../../support/tcp.js';
import { httpUpstream, open, patient, reaches, sessionRequest, textOf } from '../../support/upstreams.js';

const echo = { name: 'echo', arguments: { text: 'by proxy' } };
const ofOurCa = { caBundle: cert('ca.crt'), verify: true, checkHostname: true };

type Http = Partial<Extract<UpstreamSettings, { transport: 'http' }>>;

/** An upstream under a name that only the proxy knows; the certificates of the fixtures have it. */
function through(proxy: string, url: string, more: Http = {}, deps: object = {}) {
  const proxies = environmentProxies({ HTTPS_PROXY: proxy, HTTP_PROXY: proxy });
  return open(httpUpstream(url.replace('localhost', 'p'), { proxies, ...more }), deps);
}

const call = async (upstream: ReturnType<typeof open>): Promise<string> => {
  const session = await upstream.session(sessionRequest(), patient());
  return textOf(await session.request('tools/call', echo, { signal: patient() }));
};

/** Stops listening, and gives the port away. */
const close = (server: Server): Promise<void> => new Promise((done) => server.close(() => done()));

for (const [era, serve] of [
  ['2025-11-25', serveSessions],
  ['2026-07-28', serveModern],
] as const) {
  it(`reaches an http upstream of ${era} through a proxy, in absolute form`, async () => {
    const { url, port } = await serve();
    const proxy = await startProxy();
    expect(await call(through(proxy.url, url))).toBe('by proxy');
    expect(new Set(proxy.asked)).toContain(`POST http://p:${port}/mcp`);
    expect(proxy.asked.join()).not.toContain('CONNECT');
  });

  it(`reaches an https upstream of ${era} through the tunnel of a proxy`, async () => {
    const { url, port } = await serve({ tls: true });
    const proxy = await startProxy();
    const tls = { ...ofOurCa, certfile: cert('client.crt'), keyfile: cert('client.key') };
    expect(await call(through(proxy.url, url, { tls }))).toBe('by proxy');
    expect(new Set(proxy.asked)).toEqual(new Set([`CONNECT p:${port}`]));
  });
}

it('speaks TLS to the proxy itself, with a CA of its own, and TLS through that', async () => {
  const { url } = await serveModern({ tls: true });
  const proxy = await startProxy({ certificate: 'server-other-ca', credentials: 'ada:s3cret' });
  const authorization = `Basic ${Buffer.from('ada:s3cret').toString('base64')}`;
  const trusted = {
    url: new URL(proxy.url),
    authorization,
    tls: { ...ofOurCa, caBundle: cert('other-ca.crt') },
  };
  const tls = { ...ofOurCa, certfile: cert('client.crt'), keyfile: cert('client.key') };
  const proxies = { http: trusted, https: trusted, except: [] };
  expect(await call(through(proxy.url, url, { tls, proxies }))).toBe('by proxy');
  const plain = await serveSessions();
  expect(await call(through(proxy.url, plain.url, { proxies }))).toBe('by proxy');
});

it('does not trust a proxy whose certificate is of another CA, and sends it nothing', async () => {
  const { url } = await serveModern({ tls: true });
  const proxy = await startProxy({ certificate: 'server-other-ca' });
  const wrong = { url: new URL(proxy.url), tls: ofOurCa };
  const state = await reaches(through(proxy.url, url, { proxies: { https: wrong, except: [] } }), 'down');
  expect(JSON.stringify(state)).toMatch(/proxy https:\/\/localhost:\d+.*CA/);
  expect(proxy.asked).toEqual([]);
});

it('judges the certificate of the upstream through a tunnel as without', async () => {
  const { url } = await serveModern({ tls: true });
  const proxy = await startProxy();
  const state = await reaches(
    through(proxy.url, url, { tls: { ...ofOurCa, caBundle: cert('other-ca.crt') } }),
    'down',
  );
  expect(JSON.stringify(state)).toMatch(/CA/);
});

it('goes straight to what NO_PROXY names and to this machine', async () => {
  const { url } = await serveModern();
  const proxy = await startProxy();
  const proxies = environmentProxies({ HTTP_PROXY: proxy.url });
  expect(await call(open(httpUpstream(url, { proxies })))).toBe('by proxy');
  expect(proxy.asked).toEqual([]);
});

it('says in the log which way it went, without credentials', async () => {
  const { url } = await serveModern();
  const proxy = await startProxy({ credentials: 'ada:s3cret' });
  const lines: unknown[] = [];
  const log: Logger = {
    ...silentLogger,
    info: (...line: unknown[]) => void lines.push(line),
    debug: (...line: unknown[]) => void lines.push(line),
  };
  const withUser = proxy.url.replace('//', '//ada:s3cret@');
  expect(await call(through(withUser, url, {}, { log }))).toBe('by proxy');
  const text = JSON.stringify(lines);
  expect(text).toContain(`through the proxy ${proxy.url}`);
  expect(text).not.toMatch(/s3cret|YWRhOnMzY3JldA/);
});

const tunnelled = async (options: Parameters<typeof startProxy>[0], credentials = '') => {
  const { url } = await serveModern({ tls: true });
  const proxy = await startProxy(options);
  const upstream = through(proxy.url.replace('//', `//${credentials}`), url, { tls: ofOurCa });
  return { state: JSON.stringify(await reaches(upstream, 'down')), proxy };
};

it.each([
  ['wants a user', { credentials: 'ada:s3cret' }, '', /wants a user and a password \(HTTP 407\)/],
  ['takes another user', { credentials: 'ada:s3cret' }, 'eve:guess@', /does not take our user and password/],
  ['forbids the target', { refuses: 403 }, '', /refuses to connect to p:\d+ \(HTTP 403\)/],
  ['does not reach it', { refuses: 502 }, '', /refuses to connect to p:\d+ \(HTTP 502\)/],
  ['speaks something else', { says: 'SSH-2.0-x\r\n\r\n' }, '', /what it says is not HTTP/],
  [
    'says more than it should',
    { says: 'HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n' },
    '',
    /says more than/,
  ],
  ['never ends its head', { says: `HTTP/1.1 200 OK\r\n${'a: b\r\n'.repeat(4_000)}` }, '', /is not HTTP/],
] as const)('names the proxy that %s', async (_, options, credentials, text) => {
  const { state, proxy } = await tunnelled(options, credentials);
  expect(state).toMatch(text);
  expect(state).toContain(proxy.url);
  expect(state).not.toMatch(/guess/);
});

it('names the proxy that wants a user for http, and the one through which a 403 came', async () => {
  const { url } = await serveModern();
  for (const [options, text] of [
    [{ credentials: 'a:b' }, 'wants a user and a password'],
    [{ refuses: 403 }, 'through the proxy'],
  ] as const) {
    const proxy = await startProxy(options);
    const state = JSON.stringify(await reaches(through(proxy.url, url), 'down'));
    expect(state).toContain(text);
    expect(state).toContain(proxy.url);
  }
});

it('names the proxy that is not there', async () => {
  const gone = tcpServer();
  await new Promise<void>((done) => gone.listen(0, '127.0.0.1', done));
  const { port } = gone.address() as { port: number };
  await close(gone);
  for (const url of ['https://p:1/mcp', 'http://p:1/mcp']) {
    const state = JSON.stringify(await reaches(through(`http://127.0.0.1:${port}`, url), 'down'));
    expect(state).toContain(`the proxy http://127.0.0.1:${port} on the way cannot be used`);
  }
});

it('gives up on a proxy that hangs once the upstream is closed, and leaves nothing open', async () => {
  const { url } = await serveModern({ tls: true });
  const proxy = await startProxy({ says: '' });
  const upstream = through(proxy.url, url, { tls: ofOurCa });
  onTestFinished(() => upstream.close());
  await expect.poll(() => proxy.asked.length).toBeGreaterThan(0);
  await upstream.close();
  expect(upstream.state.kind).toBe('down');
});
