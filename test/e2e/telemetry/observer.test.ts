import { once } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import { createGateway, createPluginServer, type GatewayConfig, parseConfig } from '../../../src/index.js';
import { silentLogger } from '../../../src/log.js';
import { legacyClient, modernClient, plugin } from '../../support/gateway-run.js';
import { serveSessions } from '../../support/mcp-fixture.js';
import { decisionsOf, recorder, type Seen } from '../../support/observer.js';
import { patience } from '../../support/patience.js';
import { clientTls, serverTls } from '../../support/plugin-server.js';
import { tcpClient } from '../../support/tcp.js';

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

function configOf(file: object, side: 'gateway' | 'server') {
  return parseConfig(JSON.stringify(file), {
    path: 'test.yaml',
    cwd: process.cwd(),
    env: {},
    side,
    exists: () => true,
  });
}

/** A gateway before a server with sessions, with one plugin behind mutual TLS; both programs are watched. */
async function world() {
  const upstream = await serveSessions();
  const hosted = recorder();
  const server = await createPluginServer(
    configOf(
      {
        plugins: [plugin('rewriter.mjs')],
        server_settings: { host: 'localhost', port: 8000, tls: serverTls() },
      },
      'server',
    ),
    { log: silentLogger, version: '0.0.0', observer: hosted.observer },
  );
  onTestFinished(() => server.close());
  const { url: pluginUrl } = await server.listen({ port: 0 });
  const seen = recorder({ traceparent });
  const mcp = { proto: 'STREAMABLEHTTP', url: pluginUrl, tls: clientTls() };
  const gateway = await createGateway(
    configOf(
      {
        plugins: [{ name: 'Plugin', kind: 'external', mcp }],
        gateway: { upstreams: { web: { url: upstream.url } } },
      },
      'gateway',
    ) as GatewayConfig,
    { log: silentLogger, version: '0.0.0', observer: seen.observer },
  );
  onTestFinished(() => gateway.close());
  const { url, port } = await gateway.listen({ port: 0 });
  await gateway.settled(AbortSignal.timeout(patience(20_000)));
  return { upstream, hosted, server, seen, gateway, url, port, pluginUrl };
}

const endOf = ({ ends }: Seen) => ends[0] as { kind?: string; response?: object; status?: number };
const servedIn = (seen: readonly Seen[], method: string) =>
  seen.find(({ kind, serves }) => kind === 'request' && serves === method);
const until = (holds: () => boolean) =>
  expect.poll(holds, { timeout: patience(10_000), interval: 10 }).toBe(true);

it('sees a request with the hook calls and the upstream call that it consists of, and what goes with them', async () => {
  const { upstream, hosted, seen, url } = await world();
  const client = await legacyClient(url);
  await client.callTool({ name: 'echo', arguments: { text: 'hi' } });
  await until(() => (servedIn(seen.seen, 'tools/call')?.ends.length ?? 0) > 0);
  const call = servedIn(seen.seen, 'tools/call') as Seen;
  expect(call.start).toEqual({ method: 'POST' });
  expect(call.routed.at(-1)).toEqual(['web', 'echo']);
  expect(endOf(call)).toMatchObject({
    kind: 'served',
    response: { result: { content: [{ type: 'text', text: 'hi post>' }] } },
  });
  const made = seen.seen.filter(({ of }) => of === call);
  expect(made.map(({ kind }) => kind)).toEqual(['hookCall', 'upstreamCall', 'hookCall']);
  expect(decisionsOf(seen.of('hookCall'))).toEqual([
    ['Plugin', 'tool_pre_invoke', 'continue'],
    ['Plugin', 'tool_post_invoke', 'modified'],
  ]);
  expect(made[1]).toMatchObject({
    start: { upstream: 'web', method: 'tools/call', era: 'legacy' },
    ends: [{ result: { content: [{ text: 'hi' }] } }],
  });
  const sent = upstream.seen.requests.find(({ body }) => body.includes('tools/call'));
  expect(sent?.headers['traceparent']).toBe(traceparent);
  const hooks = hosted.seen.filter(({ kind }) => kind === 'hookCall');
  expect(decisionsOf(hooks)).toEqual(decisionsOf(seen.of('hookCall')));
  expect(hooks.map(({ of }) => of?.headers['traceparent'])).toEqual([traceparent, traceparent]);
  expect(hooks.map(({ start }) => start['request'])).toEqual(
    seen.of('hookCall').map(({ start }) => start['request']),
  );
  await client.close();
});

it('sees the end of every request once: refused, cancelled, failed, lost, and those that want nothing', async () => {
  const { upstream, server, seen, gateway, url, port } = await world();
  const post = (body: string, headers: Record<string, string> = {}) =>
    fetch(url, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream',
        ...headers,
      },
      body,
    });
  const refused = async (status: number, work: Promise<Response>) => {
    expect((await work).status).toBe(status);
    expect(endOf(seen.of('request').at(-1) as Seen)).toMatchObject({ kind: 'other', status });
  };
  await refused(400, post('{'));
  await refused(404, post('{"jsonrpc":"2.0","id":1,"method":"tools/list"}', { 'Mcp-Session-Id': 'none' }));
  await refused(403, post('{}', { Origin: 'https://elsewhere.example' }));
  await refused(405, fetch(url, { method: 'PUT' }));

  const client = await legacyClient(url);
  const stop = new AbortController();
  const slow = client.callTool({ name: 'slow' }, undefined, { signal: stop.signal });
  await once(upstream.events, 'slow');
  stop.abort();
  await expect(slow).rejects.toThrow();
  await until(() => endOfAll(seen.of('upstreamCall'), 'failed'));

  const modern = await modernClient(url);
  const gone = new AbortController();
  const lost = modern.callTool({ name: 'slow' }, { signal: gone.signal });
  await once(upstream.events, 'slow');
  gone.abort();
  await expect(lost).rejects.toThrow();

  // A body in pieces, which never comes whole.
  const before = seen.of('request').length;
  const socket = tcpClient({ port, host: '127.0.0.1' });
  socket.write('POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n');
  socket.write('Accept: application/json, text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n');
  await until(() => seen.of('request').length > before);
  socket.destroy();

  await server.close();
  await expect(client.callTool({ name: 'echo', arguments: { text: 'x' } })).rejects.toThrow();
  await until(() => decisionsOf(seen.of('hookCall')).some(([, , decision]) => decision === 'failed'));
  await client.ping();
  await client.close();
  await modern.close();
  await gateway.drain();
  await until(() => seen.loose.length === 0);
  const kinds = seen.of('request').map((one) => endOf(one).kind);
  expect(new Set(kinds)).toEqual(new Set(['served', 'other', 'aside']));
});

const endOfAll = (all: readonly Seen[], key: string) =>
  all.some(({ ends }) => ends.some((end) => key in Object(end)));

it('sees handshakes, done and failed, at both ends, and reloads', async () => {
  const { hosted, seen, server, pluginUrl, url } = await world();
  const client = await legacyClient(url);
  await client.callTool({ name: 'echo', arguments: { text: 'hi' } });
  expect(seen.of('handshake').every(({ start }) => start['role'] === 'client')).toBe(true);
  expect(seen.of('handshake').some(({ ends }) => ends[0] === undefined)).toBe(true);
  expect(hosted.of('handshake').some(({ ends }) => ends.length === 1 && ends[0] === undefined)).toBe(true);
  await expect(fetch(pluginUrl.replace('https:', 'http:'))).resolves.toMatchObject({ status: 400 });
  expect(hosted.of('handshake').at(-1)?.ends).toMatchObject([{ code: 'SALLY_TLS_PLAIN_HTTP' }]);
  await expect(fetch(pluginUrl)).rejects.toThrow();
  await until(() => hosted.loose.length === 0);
  expect(hosted.of('handshake').at(-1)?.ends[0]).toMatchObject({
    code: expect.stringMatching(/^SALLY_TLS_/),
  });
  expect(await server.reload()).toMatchObject({ kind: 'unchanged' });
  expect(hosted.of('reload')).toEqual([]);
  await client.close();
});
