import { once } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { UpstreamBusy } from '../../../src/errors.js';
import { refusal } from '../../../src/gateway/router/responses.js';
import { callTool, initialize, rawRequest, startEndpoint } from '../../support/endpoint.js';
import { all, events } from '../../support/sse.js';

const prefix = 'io.modelcontextprotocol/';
const envelope = { [`${prefix}protocolVersion`]: '2026-07-28', [`${prefix}clientCapabilities`]: {} };
const modernHeaders = {
  'MCP-Protocol-Version': '2026-07-28',
  'Mcp-Method': 'tools/call',
  'Mcp-Name': 'wait',
};

/** What nobody holds is gone when this resolves. A WeakRef holds until the turn in which it was made has ended. */
async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  await new Promise((resolve) => setImmediate(resolve));
  gc();
  await new Promise((resolve) => setImmediate(resolve));
  gc();
}

const open = (url: string, headers: Record<string, string>, signal?: AbortSignal) =>
  fetch(url, { headers: { Accept: 'text/event-stream', ...headers }, ...(signal && { signal }) });

describe('sessions', () => {
  it('[M25] a thousand that are opened and left go away, and everything of them', async () => {
    let clock = 0;
    const endpoint = await startEndpoint({ limits: { sessionIdleMs: 1_000 }, pulseMs: 20, now: () => clock });
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const before = timers();
    for (let i = 0; i < 50; i += 1)
      await Promise.all(Array.from({ length: 20 }, () => endpoint.openSession()));
    expect(endpoint.open.sessions).toBe(1_000);
    // Those of the kept-alive connections of this process's own client, and none for each session.
    expect(timers() - before).toBeLessThan(60);
    clock = 1_000;
    await endpoint.router.until(() => endpoint.router.gone.length >= 1_000);
    expect(new Set(endpoint.router.gone).size).toBe(1_000);
    expect(endpoint.router.gone).toHaveLength(1_000);
    expect(endpoint.open).toMatchObject({ sessions: 0, calls: 0, streams: 0 });
    await collectGarbage();
    expect(endpoint.router.goneClients.filter((client) => client.deref() !== undefined)).toEqual([]);
  });

  it('grows old after an answer that cannot be written, as any other', async () => {
    let clock = 0;
    const endpoint = await startEndpoint({ limits: { sessionIdleMs: 1_000 }, pulseMs: 5, now: () => clock });
    const session = { 'Mcp-Session-Id': await endpoint.openSession() };
    // As what is nested too deep, for some versions of Node, it cannot be written.
    endpoint.router.handle = async () => ({ result: { unwritable: 1n } });
    const reply = await endpoint.post(callTool('echo'), session);
    expect(await reply.json()).toMatchObject({ error: { data: { code: 'SALLY_INTERNAL' } } });
    clock = 1_000;
    await endpoint.router.until(() => endpoint.router.gone.length === 1);
    expect(endpoint.open).toMatchObject({ sessions: 0, calls: 0 });
  });

  it('does not grow old while a stream is open, or a call is under way', async () => {
    let clock = 0;
    const endpoint = await startEndpoint({ limits: { sessionIdleMs: 1_000 }, pulseMs: 5, now: () => clock });
    const streaming = { 'Mcp-Session-Id': await endpoint.openSession() };
    const calling = { 'Mcp-Session-Id': await endpoint.openSession() };
    const left = { 'Mcp-Session-Id': await endpoint.openSession() };
    const control = new AbortController();
    const stream = await open(endpoint.url, streaming, control.signal);
    const call = endpoint.post(callTool('wait'), calling);
    await endpoint.router.until(() => endpoint.router.events.begun.length === 1);
    clock = 1_000;
    await endpoint.router.until(() => endpoint.router.gone.length === 1);
    const echo = callTool('echo', { text: 'x' });
    expect((await endpoint.post(echo, left)).status).toBe(404);
    expect((await endpoint.post(echo, streaming)).status).toBe(200);
    endpoint.router.events.release();
    expect((await call).status).toBe(200);
    control.abort();
    await stream.text().catch(() => {});
    await endpoint.logged((line) => line['method'] === 'GET');
    clock = 2_000;
    await endpoint.router.until(() => endpoint.router.gone.length === 3);
  });

  it('[M23] has so many for one user, and so many altogether', async () => {
    const endpoint = await startEndpoint({ limits: { sessions: 3, sessionsPerUser: 2 } });
    const first = await endpoint.openSession('ada');
    await endpoint.openSession('ada');
    const refused = await endpoint.post(initialize(), { 'X-User': 'ada' });
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);
    expect(await refused.json()).toMatchObject({ error: { data: { code: 'SALLY_GATEWAY_USER_SESSIONS' } } });
    await endpoint.openSession('bob');
    const full = await endpoint.post(initialize(), { 'X-User': 'eve' });
    expect([full.status, full.headers.get('retry-after')]).toEqual([503, '5']);
    expect(await full.json()).toMatchObject({ error: { data: { code: 'SALLY_GATEWAY_SESSIONS' } } });
    const headers = { 'Mcp-Session-Id': first, 'X-User': 'ada' };
    expect((await fetch(endpoint.url, { method: 'DELETE', headers })).status).toBe(204);
    await endpoint.openSession('eve');
  });

  it('is unknown once it has been deleted; its calls and streams end with it', async () => {
    const endpoint = await startEndpoint();
    const session = { 'Mcp-Session-Id': await endpoint.openSession() };
    const stream = await open(endpoint.url, session);
    const call = endpoint.post(callTool('wait', { name: 'a' }), session);
    await endpoint.router.until(() => endpoint.router.events.begun.length === 1);
    expect((await fetch(endpoint.url, { method: 'DELETE', headers: session })).status).toBe(204);
    await stream.text();
    expect(await (await call).json()).toMatchObject({ error: { message: 'cancelled' } });
    expect(endpoint.router.events.cancelled).toEqual(['a']);
    expect((await fetch(endpoint.url, { method: 'DELETE', headers: session })).status).toBe(404);
    expect((await open(endpoint.url, session)).status).toBe(404);
    expect(endpoint.router.gone).toHaveLength(1);
  });

  it('ping and what no answer is wanted for are taken without the router, but for what it may need', async () => {
    const endpoint = await startEndpoint();
    const session = { 'Mcp-Session-Id': await endpoint.openSession() };
    const ping = await endpoint.post({ jsonrpc: '2.0', id: 3, method: 'ping' }, session);
    expect(await ping.json()).toEqual({ jsonrpc: '2.0', id: 3, result: {} });
    for (const method of [
      'notifications/initialized',
      'notifications/cancelled',
      'notifications/roots/list_changed',
    ]) {
      const reply = await endpoint.post({ jsonrpc: '2.0', method, params: { requestId: 'none' } }, session);
      expect([reply.status, await reply.text()]).toEqual([202, '']);
    }
    expect((await endpoint.post({ jsonrpc: '2.0', id: 'none', result: {} }, session)).status).toBe(202);
    expect(endpoint.router.notifications).toEqual(['notifications/roots/list_changed']);
  });
});

describe('[M23] calls at a time', () => {
  it('so many of one user (429), so many altogether (503), and room again after each', async () => {
    const endpoint = await startEndpoint({ limits: { concurrentCalls: 2, concurrentCallsPerUser: 1 } });
    const call = (user: string) =>
      endpoint.post(callTool('wait', {}, envelope), { ...modernHeaders, 'X-User': user });
    const [ada, bob] = [call('ada'), call('bob')];
    await endpoint.router.until(() => endpoint.router.events.begun.length === 2);
    const full = await call('eve');
    expect([full.status, full.headers.get('retry-after')]).toEqual([503, '5']);
    endpoint.router.events.release();
    expect([(await ada).status, (await bob).status]).toEqual([200, 200]);
    expect((await call('eve')).status).toBe(200);
    expect(endpoint.open.calls).toBe(0);
  });

  it('more than may wait for one upstream get 503 and when to come again, in either era', async () => {
    const endpoint = await startEndpoint();
    const session = { 'Mcp-Session-Id': await endpoint.openSession() };
    const busy = UpstreamBusy({ upstream: 'search', what: 'requests wait already', limit: 256 });
    endpoint.router.handle = () => Promise.resolve(refusal(busy, 'legacy'));
    for (const reply of [
      await endpoint.post(callTool('echo'), session),
      await endpoint.post(callTool('wait', {}, envelope), modernHeaders),
    ]) {
      expect([reply.status, reply.headers.get('retry-after')]).toEqual([503, '5']);
      expect(await reply.json()).toMatchObject({ id: 1, error: { data: { code: 'SALLY_UPSTREAM_BUSY' } } });
    }
  });

  it('a user who has too many does not keep others from theirs', async () => {
    const endpoint = await startEndpoint({ limits: { concurrentCalls: 9, concurrentCallsPerUser: 1 } });
    const call = (user: string) =>
      endpoint.post(callTool('wait', {}, envelope), { ...modernHeaders, 'X-User': user });
    const ada = call('ada');
    await endpoint.router.until(() => endpoint.router.events.begun.length === 1);
    const refused = await call('ada');
    expect(refused.status).toBe(429);
    expect(await refused.json()).toMatchObject({
      id: 1,
      error: { data: { code: 'SALLY_GATEWAY_USER_BUSY' } },
    });
    endpoint.router.events.release();
    expect((await call('bob')).status).toBe(200);
    await ada;
  });
});

describe('[M24] streams', () => {
  it('begin with an event to come back with, from 2025-11-25 on', async () => {
    const endpoint = await startEndpoint();
    const session = { 'Mcp-Session-Id': await endpoint.openSession() };
    const reply = await endpoint.post(callTool('steps', { count: 1 }, { progressToken: 'p' }), session);
    expect(reply.headers.get('content-type')).toBe('text/event-stream');
    expect(reply.headers.get('x-accel-buffering')).toBe('no');
    const [prime, progress, answer] = await all(events(reply));
    expect(prime).toMatchObject({ id: 'p1-1', data: '', retry: '1000' });
    expect(JSON.parse(progress?.data ?? '')).toMatchObject({ method: 'notifications/progress' });
    expect(JSON.parse(answer?.data ?? '')).toMatchObject({ id: 1, result: {} });
  });

  it('begin with the first message before', async () => {
    const endpoint = await startEndpoint();
    const opened = await endpoint.post(initialize('2025-06-18'));
    const session = { 'Mcp-Session-Id': opened.headers.get('mcp-session-id') ?? '' };
    const reply = await endpoint.post(callTool('steps', { count: 1 }), session);
    expect((await all(events(reply))).map((event) => event.data === '')).toEqual([false, false]);
  });

  it('a call whose connection is lost goes on, and its client comes back for the rest', async () => {
    const endpoint = await startEndpoint();
    const session = { 'Mcp-Session-Id': await endpoint.openSession() };
    const socket = await rawRequest(
      endpoint.port,
      post(session['Mcp-Session-Id'], callTool('wait', { name: 'a', step: true })),
    );
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
    while (!text.includes('"progress":1')) await once(socket.resume(), 'data');
    const lastEventId = /id: (p\d+-\d+)\ndata: \{/.exec(text)?.[1] ?? '';
    socket.destroy();
    const again = open(endpoint.url, { ...session, 'Last-Event-ID': lastEventId });
    endpoint.router.events.release();
    const rest = await all(events(await again));
    expect(rest.map(({ data }) => (JSON.parse(data) as { id?: number }).id)).toEqual([undefined, 1]);
    expect(endpoint.router.events.cancelled).toEqual([]);
    // And once more, when everything is over.
    const replayed = await all(
      events(await open(endpoint.url, { ...session, 'Last-Event-ID': lastEventId })),
    );
    expect(replayed).toEqual(rest);
  });

  it('what nobody was there to hear waits for the next stream; each message goes on one only', async () => {
    const endpoint = await startEndpoint();
    const session = { 'Mcp-Session-Id': await endpoint.openSession() };
    await (await endpoint.post(callTool('change'), session)).text();
    const first = events(await open(endpoint.url, session));
    expect((await first.next()).value).toMatchObject({ id: 'g1-1', data: '' });
    expect((await first.next()).value).toMatchObject({
      id: 'g1-2',
      data: expect.stringContaining('list_changed'),
    });
    const second = events(await open(endpoint.url, session));
    expect((await second.next()).value).toMatchObject({ data: '' });
    await (await endpoint.post(callTool('change'), session)).text();
    expect((await second.next()).value).toMatchObject({ data: expect.stringContaining('list_changed') });
    await fetch(endpoint.url, { method: 'DELETE', headers: session });
    expect(await first.next()).toMatchObject({ done: true });
    expect(await second.next()).toMatchObject({ done: true });
  });

  it('an event id of no stream is refused', async () => {
    const endpoint = await startEndpoint();
    const session = { 'Mcp-Session-Id': await endpoint.openSession() };
    for (const id of ['x', 'g9-1']) {
      expect((await open(endpoint.url, { ...session, 'Last-Event-ID': id })).status).toBe(400);
    }
    expect((await fetch(endpoint.url, { headers: { ...session, Accept: 'application/json' } })).status).toBe(
      406,
    );
  });

  it('of one that is too many the oldest ends', async () => {
    const endpoint = await startEndpoint();
    const session = { 'Mcp-Session-Id': await endpoint.openSession() };
    const first = await open(endpoint.url, session);
    for (let i = 0; i < 4; i += 1) expect((await open(endpoint.url, session)).status).toBe(200);
    expect(await all(events(first))).toMatchObject([{ id: 'g1-1', data: '' }]);
    await endpoint.logged((line) => line['method'] === 'GET');
    expect(endpoint.open.streams).toBe(4);
  });

  it('are kept alive by comments', async () => {
    const endpoint = await startEndpoint({ pulseMs: 5 });
    const session = { 'Mcp-Session-Id': await endpoint.openSession() };
    const reader = (await open(endpoint.url, session)).body?.getReader();
    let text = '';
    while (!text.includes(': \n\n')) text += new TextDecoder().decode((await reader?.read())?.value);
    await reader?.cancel();
  });

  it('a client that does not read is cut off', async () => {
    const endpoint = await startEndpoint();
    const id = await endpoint.openSession();
    const socket = await rawRequest(
      endpoint.port,
      post(id, callTool('flood', { count: 400, chars: 100_000 })),
    );
    expect(await endpoint.logged((line) => line['code'] === 'SALLY_GATEWAY_CLIENT_SLOW')).toMatchObject({
      level: 'warn',
    });
    await endpoint.logged((line) => line['method'] === 'tools/call');
    // A reset, or an end in the middle: the connection is gone either way.
    const gone = once(socket, 'close');
    socket.on('error', () => {}).resume();
    await gone;
    expect(endpoint.open).toMatchObject({ calls: 0, streams: 0 });
  });
});

describe('a client that goes before it is let in', () => {
  it.each(['POST', 'GET'])('leaves nothing of its %s behind', async (method) => {
    let asked = 0;
    const endpoint = await startEndpoint({
      admitting: async (response) => {
        asked += 1;
        if (asked === 1) return;
        const gone = new Promise<void>((resolve) => void response.once('close', resolve));
        socket?.destroy();
        await gone;
      },
    });
    const params = { notifications: { toolsListChanged: true }, _meta: envelope };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 's', method: 'subscriptions/listen', params });
    const listen = { ...modernHeaders, 'Mcp-Method': 'subscriptions/listen' };
    const session = { 'Mcp-Session-Id': await endpoint.openSession() };
    const lines = Object.entries(method === 'POST' ? listen : session).map((header) => header.join(': '));
    const socket = await rawRequest(
      endpoint.port,
      [
        `${method} /mcp HTTP/1.1`,
        'Host: 127.0.0.1',
        'Content-Type: application/json',
        'Accept: application/json, text/event-stream',
        `Content-Length: ${method === 'POST' ? body.length : 0}`,
        ...lines,
        '',
        method === 'POST' ? body : '',
      ].join('\r\n'),
    );
    await endpoint.logged((line) => line['outcome'] === 'gone');
    expect(endpoint.open).toMatchObject({ calls: 0, streams: 0 });
  });
});

describe('at the end', () => {
  it('[M21] calls under way are finished, new ones are turned away, then streams and sessions end', async () => {
    const endpoint = await startEndpoint();
    const session = { 'Mcp-Session-Id': await endpoint.openSession() };
    const stream = events(await open(endpoint.url, session));
    await stream.next();
    const call = endpoint.post(callTool('wait', { name: 'a' }), session);
    await endpoint.router.until(() => endpoint.router.events.begun.length === 1);
    const drained = endpoint.drain(10_000);
    const refused = await endpoint.post(callTool('echo'), session);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5']);
    expect(endpoint.open.sessions).toBe(1);
    endpoint.router.events.release();
    expect(await (await call).json()).toMatchObject({ result: { content: [{ text: 'waited a' }] } });
    await drained;
    expect(await stream.next()).toMatchObject({ done: true });
    expect(endpoint.router.gone).toHaveLength(1);
    expect(endpoint.open).toMatchObject({ sessions: 0, calls: 0, streams: 0 });
  });

  it('a subscription is told so in order', async () => {
    const endpoint = await startEndpoint();
    const params = { notifications: { toolsListChanged: true }, _meta: envelope };
    const body = { jsonrpc: '2.0', id: 'sub', method: 'subscriptions/listen', params };
    const headers = { ...modernHeaders, 'Mcp-Method': body.method };
    const stream = events(await endpoint.post(body, headers));
    const meta = { [`${prefix}subscriptionId`]: 'sub' };
    expect(JSON.parse((await stream.next()).value?.data ?? '')).toEqual({
      jsonrpc: '2.0',
      method: 'notifications/subscriptions/acknowledged',
      params: { notifications: { toolsListChanged: true }, _meta: meta },
    });
    await endpoint.drain(10_000);
    expect(JSON.parse((await stream.next()).value?.data ?? '')).toMatchObject({
      id: 'sub',
      result: { resultType: 'complete', _meta: meta },
    });
    expect(await stream.next()).toMatchObject({ done: true });
  });
});

function post(session: string, body: object): string {
  const json = JSON.stringify(body);
  return [
    'POST /mcp HTTP/1.1',
    'Host: 127.0.0.1',
    'Content-Type: application/json',
    'Accept: application/json, text/event-stream',
    `Mcp-Session-Id: ${session}`,
    `Content-Length: ${Buffer.byteLength(json)}`,
    '',
    json,
  ].join('\r\n');
}
