import { once } from 'node:events';
import { copyFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { expect, it, onTestFinished } from 'vitest';
import { cert } from '../../support/certs.js';
import { temporaryFolder } from '../../support/folder.js';
import { errorOf } from '../../support/gateway.js';
import { serve } from '../../support/mcp-fixture.js';
import { tcpServer } from '../../support/tcp.js';
import { httpUpstream, open, patient, reaches, resultOf, sessionRequest } from '../../support/upstreams.js';

type Request = IncomingMessage & { text: string };
const json = { 'content-type': 'application/json' };
const discovered = { supportedVersions: ['2026-07-28'], capabilities: {} };

const answerTo = (text: string, result: object) =>
  JSON.stringify({ jsonrpc: '2.0', id: JSON.parse(text).id, result });
/** A server of 2026-07-28 that answers with what `result` makes of a request. */
const modern = (result: (request: Request) => object, options: Parameters<typeof serve>[1] = {}) =>
  serve((request, response) => {
    const found = request.text.includes('"server/discover"') ? discovered : result(request);
    response.writeHead(200, json).end(answerTo(request.text, found));
  }, options);

it('uses one connection for one call after another', async () => {
  const sockets = new Set<Socket>();
  const { url } = await modern(({ socket }) => {
    sockets.add(socket);
    return { content: [] };
  });
  const session = await open(httpUpstream(url)).session(sessionRequest(), patient());
  for (let count = 0; count < 5; count += 1) {
    await session.request('tools/call', { name: 'x' }, { signal: patient() });
  }
  expect(sockets.size).toBe(1);
});

it('says the length of a body in bytes', async () => {
  const { url } = await modern(({ headers, text }) => ({
    said: Number(headers['content-length']),
    was: Buffer.byteLength(text),
  }));
  const session = await open(httpUpstream(url)).session(sessionRequest(), patient());
  const params = { name: 'x', arguments: { text: 'ü€😀\ud800' } };
  const { said, was } = resultOf(await session.request('tools/call', params, { signal: patient() }));
  expect(said).toBe(was);
});

it('sends nothing where a header could begin another', async () => {
  const { url, seen } = await modern(() => ({ content: [] }));
  const session = await open(httpUpstream(url)).session(sessionRequest(), patient());
  const before = seen.requests.length;
  for (const value of ['a\r\nx-evil: 1', 'a\nx-evil: 1', 'a\u010ax-evil: 1']) {
    const headers = { 'x-own': value };
    const sent = session.request('tools/call', { name: 'x' }, { signal: patient(), headers });
    expect((await errorOf(sent)).message).toMatch(/'web'.*cannot be sent: invalid header/);
  }
  expect(seen.requests).toHaveLength(before);
});

it('escapes the path of a redirect', async () => {
  const paths: string[] = [];
  const { url } = await serve((request, response) => {
    paths.push(request.url ?? '');
    const location = '/a b\t"é/%0d%0ax?q=<é>&r=%0a#f';
    if (request.url === '/mcp') return response.writeHead(308, { location }).end();
    return response.writeHead(200, json).end(answerTo(request.text, discovered));
  });
  await reaches(open(httpUpstream(url)), 'up');
  expect(paths).toEqual(['/mcp', '/a%20b%22%C3%A9/%0d%0ax?q=%3C%C3%A9%3E&r=%0a']);
});

it('[M10] repeats what changes nothing where the connection closed over it, and nothing else', async () => {
  const lost = new Set<string>();
  const { url } = await modern(({ text, socket }) => {
    const { method } = JSON.parse(text);
    if (!lost.has(method)) socket.destroy();
    lost.add(method);
    return { method };
  });
  const session = await open(httpUpstream(url)).session(sessionRequest(), patient());
  expect(resultOf(await session.request('ping', {}, { signal: patient() }))).toEqual({ method: 'ping' });
  const call = session.request('tools/call', { name: 'x' }, { signal: patient() });
  expect(await errorOf(call)).toMatchObject({ code: 'SALLY_UPSTREAM_LOST', context: { upstream: 'web' } });
});

it('names the upstream whose reply is not HTTP', async () => {
  const server = tcpServer((socket) => {
    socket.on('data', () =>
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}'),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const upstream = open(httpUpstream(`http://127.0.0.1:${port}/mcp`));
  const state = await reaches(upstream, 'down');
  expect(state).toMatchObject({ code: 'SALLY_UPSTREAM_LOST' });
  expect(JSON.stringify(state)).toContain('not HTTP/1.1');
});

it('lets go of kept connections when the certificate is replaced', async () => {
  const folder = await temporaryFolder();
  const path = (file: string) => join(folder, file);
  const use = async (name: string) => {
    await copyFile(cert(`${name}.key`), path('c.key'));
    await copyFile(cert(`${name}.crt`), path('c.crt'));
  };
  await use('client');
  const { url } = await modern(
    ({ socket }) => ({ serial: (socket as TLSSocket).getPeerCertificate().serialNumber }),
    { tls: true },
  );
  const own = { certfile: path('c.crt'), keyfile: path('c.key'), caBundle: cert('ca.crt') };
  const upstream = open(httpUpstream(url, { tls: { ...own, verify: true, checkHostname: true } }));
  const session = await upstream.session(sessionRequest(), patient());
  const serial = async () =>
    resultOf(await session.request('tools/call', {}, { signal: patient() }))['serial'];
  const first = await serial();
  expect(await serial()).toBe(first);
  await use('server-as-client');
  while ((await serial()) === first) await new Promise(setImmediate);
});
