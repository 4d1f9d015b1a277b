import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect, it } from 'vitest';
import type { SallyError } from '../../../src/errors.js';
import { errorOf } from '../../support/gateway.js';
import { serve, serveModern, serveSessions } from '../../support/mcp-fixture.js';
import {
  freePort,
  httpUpstream,
  open,
  patient,
  reaches,
  resultOf,
  sessionRequest,
  startEverything,
  textOf,
} from '../../support/upstreams.js';

const call = (name: string, args: object = {}, meta?: object) => ({
  name,
  arguments: args,
  ...(meta && { _meta: meta }),
});

it('[M4] speaks to a server with sessions in its own revision, and ends the session', async () => {
  const served = await serveSessions();
  const upstream = open(httpUpstream(served.url, { headers: { 'X-Team': 'a' } }));
  const session = await upstream.session(sessionRequest(), patient());
  expect(session.era).toBe('legacy');
  expect(session.revision).toBe('2025-11-25');
  expect(session.instructions).toBe('for tests');
  const answer = await session.request('tools/call', call('echo', { text: 'grüße' }), { signal: patient() });
  expect(textOf(answer)).toBe('grüße');
  const last = served.seen.requests.filter(({ method }) => method === 'POST').at(-1);
  expect(last?.headers).toMatchObject({ 'x-team': 'a', 'mcp-protocol-version': '2025-11-25' });
  expect(served.sessions.size).toBe(1);
  await upstream.close();
  expect(served.sessions.size).toBe(0);
});

it('[M4] speaks to a stateless server with envelope and headers of each request', async () => {
  const served = await serveModern();
  const upstream = open(httpUpstream(served.url));
  const session = await upstream.session(sessionRequest({ capabilities: { elicitation: {} } }), patient());
  expect(session.era).toBe('modern');
  expect(session.serverInfo).toMatchObject({ name: 'fixture' });
  await session.request('tools/list', {}, { signal: patient() });
  const params = call('echo', { text: 'x', region: 'süd' });
  expect(textOf(await session.request('tools/call', params, { signal: patient() }))).toBe('x');
  const last = served.seen.requests.at(-1);
  expect(last?.headers).toMatchObject({
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': 'echo',
    'mcp-param-region': '=?base64?c8O8ZA==?=',
  });
  expect(JSON.parse(last?.body ?? '').params._meta).toMatchObject({
    'io.modelcontextprotocol/clientCapabilities': { elicitation: {} },
    'io.modelcontextprotocol/clientInfo': { name: 'sallyport' },
  });
  expect(served.seen.requests.every(({ method }) => method === 'POST')).toBe(true);
});

for (const [era, start] of [
  ['sessions', serveSessions],
  ['no sessions', serveModern],
] as const) {
  it(`[M12] gives progress back under the caller's token, from a server with ${era}`, async () => {
    const { url } = await start();
    const session = await open(httpUpstream(url)).session(sessionRequest(), patient());
    const heard: unknown[] = [];
    const options = {
      signal: patient(),
      onNotification: (method: string, params?: object) => heard.push([method, params]),
    };
    await session.request('tools/call', call('steps', {}, { progressToken: 'mine' }), options);
    expect(heard).toEqual([
      ['notifications/progress', { progressToken: 'mine', progress: 1 }],
      ['notifications/progress', { progressToken: 'mine', progress: 2 }],
    ]);
  });

  it(`[M12] cancels a call at a server with ${era}`, async () => {
    const { url, events } = await start();
    const session = await open(httpUpstream(url)).session(sessionRequest(), patient());
    const own = new AbortController();
    const begun = once(events, 'slow');
    const aborted = once(events, 'aborted');
    const error = errorOf(session.request('tools/call', call('slow'), { signal: own.signal }));
    await begun;
    own.abort();
    expect((await error).code).toBe('SALLY_UPSTREAM_CANCELLED');
    await aborted;
  });

  it(`[M12] gives a call up at its deadline and says so to a server with ${era}`, async () => {
    const { url, events } = await start();
    const session = await open(httpUpstream(url, { timeoutMs: 300 })).session(sessionRequest(), patient());
    const aborted = once(events, 'aborted');
    const error = await errorOf(session.request('tools/call', call('slow'), { signal: patient() }));
    expect(error.code).toBe('SALLY_UPSTREAM_TIMEOUT');
    expect(error.message).toContain("'web'");
    await aborted;
  });

  it(`is told of changed lists outside of any request by a server with ${era}`, async () => {
    const served = await start();
    const upstream = open(httpUpstream(served.url));
    const heard = new Promise((resolve) => {
      void upstream
        .session(sessionRequest({ onNotification: (method) => resolve(method) }), patient())
        .then(async () => {
          // The stream for it opens in its own time: the change is told until it is heard.
          const timer = setInterval(() => {
            if ('notify' in served) served.notify.toolsChanged();
            else for (const { server } of served.sessions.values()) void server.sendToolListChanged();
          }, 50);
          await heard;
          clearInterval(timer);
        });
    });
    expect(await heard).toBe('notifications/tools/list_changed');
  });
}

it('[M6] takes what a server asks within a call to the caller, and the answer back', async () => {
  const { url } = await serveSessions();
  const session = await open(httpUpstream(url)).session(
    sessionRequest({ capabilities: { elicitation: {} }, own: true, onRequest: async () => ({ result: {} }) }),
    patient(),
  );
  const asked: unknown[] = [];
  const answer = await session.request('tools/call', call('ask', { message: 'really?' }), {
    signal: patient(),
    onRequest: async (method, params) => {
      asked.push([method, params?.['message']]);
      return { result: { action: 'decline' } };
    },
  });
  expect(asked).toEqual([['elicitation/create', 'really?']]);
  expect(textOf(answer)).toBe('decline');
});

it('tells a server that asks where nobody can answer that there is no such method', async () => {
  const { url } = await serveSessions();
  const capabilities = { elicitation: {} };
  const session = await open(httpUpstream(url)).session(sessionRequest({ capabilities }), patient());
  const answer = await session.request('tools/call', call('ask', { message: '?' }), { signal: patient() });
  expect(JSON.stringify(answer)).toContain('Method not found');
});

it('begins a lost session anew and sends the request once more', async () => {
  const served = await serveSessions();
  const session = await open(httpUpstream(served.url)).session(sessionRequest(), patient());
  served.sessions.clear();
  const answer = await session.request('tools/call', call('echo', { text: 'again' }), { signal: patient() });
  expect(textOf(answer)).toBe('again');
});

it('[M19] finds server-everything again after it was killed and started anew on the same port', async () => {
  const first = await startEverything();
  const upstream = open(httpUpstream(first.url));
  const session = await upstream.session(sessionRequest({ onNotification: () => {} }), patient());
  const long = {
    name: 'trigger-long-running-operation',
    arguments: { duration: 20, steps: 200 },
    _meta: { progressToken: 'long' },
  };
  // Killed before it has the call, it would have to be called down: nothing can have been carried out.
  let begun = () => {};
  const working = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const lost = errorOf(
    session.request('tools/call', long, { signal: patient(), onNotification: () => begun() }),
  );
  await working;
  first.child.kill('SIGKILL');
  expect((await lost).code).toBe('SALLY_UPSTREAM_LOST');
  await reaches(upstream, 'down');
  const refused = await errorOf(upstream.session(sessionRequest(), patient()));
  expect(refused.code).toBe('SALLY_UPSTREAM_DOWN');
  expect(refused.message).toContain("'web'");
  await startEverything(first.port);
  await reaches(upstream, 'up');
  // The old one has a session that the new process never heard of: it is begun anew.
  const echo = { name: 'echo', arguments: { message: 'hi' } };
  expect(textOf(await session.request('tools/call', echo, { signal: patient() }))).toBe('Echo: hi');
});

it('answers with the error of the server as it came', async () => {
  const { url } = await serveModern();
  const session = await open(httpUpstream(url)).session(sessionRequest(), patient());
  const answer = await session.request('no/such', {}, { signal: patient() });
  expect(answer).toMatchObject({ error: { code: -32601 } });
});

it('[M4] takes no refusal and no failure for a sign of the era, and says what it was', async () => {
  for (const [status, headers, code] of [
    [401, { 'www-authenticate': 'Bearer realm="x"' }, 'SALLY_UPSTREAM_STATUS'],
    [403, {}, 'SALLY_UPSTREAM_STATUS'],
    [500, {}, 'SALLY_UPSTREAM_STATUS'],
  ] as const) {
    const served = await serve((_, response) => response.writeHead(status, headers).end('no'));
    const upstream = open(httpUpstream(served.url));
    const state = await reaches(upstream, 'down');
    expect(state).toMatchObject({ code });
    expect(JSON.stringify(state)).toContain(`HTTP ${status}`);
    expect(served.seen.requests.every(({ body }) => body.includes('server/discover'))).toBe(true);
    await upstream.close();
  }
});

/** A server of the legacy era whose answer to `server/discover` is a JSON-RPC error without an id, under a status of failure. */
function serveFailingDiscovery(status: number) {
  const legacy = legacyHandler((_, response) => response.writeHead(404).end());
  return serve((request, response) => {
    if (!request.text.includes('server/discover')) return legacy(request, response);
    const error = { code: -32603, message: 'Error in the transport' };
    response.writeHead(status, { 'content-type': 'application/json' });
    return response.end(JSON.stringify({ jsonrpc: '2.0', error, id: null }));
  });
}

it('asks by initialize where a server fails at server/discover, and says so as a JSON-RPC error with HTTP 500', async () => {
  const server = await serveFailingDiscovery(500);
  expect(await reaches(open(httpUpstream(server.url)), 'up')).toMatchObject({ revision: '2025-06-18' });
});

it('takes a JSON-RPC error with HTTP 503 for no sign of the era: that is what stands before a server', async () => {
  const server = await serveFailingDiscovery(503);
  expect(await reaches(open(httpUpstream(server.url)), 'down')).toMatchObject({
    code: 'SALLY_UPSTREAM_STATUS',
  });
});

it('takes a page for none of MCP, also where it is JSON and speaks of an error', async () => {
  const page = await serve((_, response) =>
    response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":"no such page"}'),
  );
  const state = await reaches(open(httpUpstream(page.url)), 'down');
  expect(state).toMatchObject({ code: 'SALLY_UPSTREAM_STATUS' });
  expect(JSON.stringify(state)).toContain('HTTP 404');
});

it('follows a redirect on the same origin and none to another', async () => {
  const served = await serveSessions();
  const target = new URL(served.url).origin;
  const other = await serve((_, response) => response.writeHead(307, { location: `${target}/mcp` }).end());
  const elsewhere = open(httpUpstream(other.url, { headers: { authorization: 'Bearer secret' } }));
  expect(await reaches(elsewhere, 'down')).toMatchObject({ code: 'SALLY_UPSTREAM_STATUS' });
  expect(served.seen.requests).toEqual([]);

  const handler = await serve((request, response) => {
    if (request.url === '/mcp') return response.writeHead(307, { location: '/mcp/' }).end();
    const body = JSON.parse(request.text);
    const result = { supportedVersions: ['2026-07-28'], capabilities: {} };
    response.writeHead(200, { 'content-type': 'application/json' });
    return response.end(JSON.stringify({ jsonrpc: '2.0', id: body.id, result }));
  });
  const here = open(httpUpstream(handler.url));
  expect(await reaches(here, 'up')).toMatchObject({ era: 'modern' });
});

it('[M28] forwards what it does not know, in both directions', async () => {
  const odd = {
    content: [{ type: 'hologram', data: 'x', unknown: { deep: [1, null] } }],
    structuredContent: { n: 1.5 },
    'x-vendor': true,
  };
  const served = await serve((request, response) => {
    const { id, method } = JSON.parse(request.text);
    const result = method === 'tools/call' ? odd : { supportedVersions: ['2026-07-28'], capabilities: {} };
    response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' });
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result }));
  });
  const session = await open(httpUpstream(served.url)).session(sessionRequest(), patient());
  const params = { name: 'x', arguments: {}, 'x-own': { a: 1 }, _meta: { 'vendor/key': 2 } };
  expect(resultOf(await session.request('tools/call', params, { signal: patient() }))).toEqual(odd);
  const sent = JSON.parse(served.seen.requests.at(-1)?.body ?? '').params;
  expect(sent).toMatchObject(params);
});

/** A server that speaks as little of the old era as a test needs. */
function legacyHandler(
  onCall: (id: number, response: ServerResponse) => void,
  onGet?: (lastEventId: string | undefined, response: ServerResponse) => void,
) {
  return (request: IncomingMessage & { text: string }, response: ServerResponse) => {
    if (request.method === 'GET') {
      const last = request.headers['last-event-id'];
      if (onGet && last !== undefined) return onGet(String(last), response);
      return response.writeHead(405).end();
    }
    if (request.method === 'DELETE') return response.writeHead(405).end();
    const { id, method } = JSON.parse(request.text);
    const json = (result: object) =>
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ jsonrpc: '2.0', id, result }));
    if (method === 'server/discover') return response.writeHead(400).end('Bad Request');
    if (method === 'initialize')
      return json({ protocolVersion: '2025-06-18', capabilities: {}, serverInfo: {} });
    if (id === undefined) return response.writeHead(202).end();
    return onCall(id, response);
  };
}

it('takes a stream that broke before its answer up again where the server keeps it', async () => {
  const served = await serve(
    legacyHandler(
      (id, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.end(`id: e-${id}\nretry: 10\ndata:\n\n`);
      },
      (last, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        const id = Number(last?.slice(2));
        response.end(`id: e2\ndata: ${JSON.stringify({ jsonrpc: '2.0', id, result: { taken: last } })}\n\n`);
      },
    ),
  );
  const session = await open(httpUpstream(served.url)).session(sessionRequest(), patient());
  expect(session.revision).toBe('2025-06-18');
  const answer = await session.request('tools/call', call('x'), { signal: patient() });
  expect(resultOf(answer)['taken']).toMatch(/^e-\d+$/);
});

it('[M10] says that a stream without event ids was lost', async () => {
  const served = await serve(
    legacyHandler((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end('data: {"jsonrpc":"2.0","method":"notifications/message","params":{}}\n\n');
    }),
  );
  const session = await open(httpUpstream(served.url)).session(sessionRequest(), patient());
  const error = await errorOf(session.request('tools/call', call('x'), { signal: patient() }));
  expect(error.code).toBe('SALLY_UPSTREAM_LOST');
});

it('[M10] says that a call was lost where the server that had it is gone: it may have been carried out', async () => {
  const served = await serve(
    legacyHandler((id, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(`id: e-${id}\nretry: 10\ndata:\n\n`);
      served.server.close();
      served.server.closeAllConnections();
    }),
  );
  const session = await open(httpUpstream(served.url)).session(sessionRequest(), patient());
  const error = await errorOf(session.request('tools/call', call('x'), { signal: patient() }));
  expect(error.code).toBe('SALLY_UPSTREAM_LOST');
  expect(error.message).toContain('its stream broke and is not taken up');
});

it('[M23] refuses a reply above the limit', async () => {
  for (const stream of [true, false]) {
    const served = await serve(
      legacyHandler((id, response) => {
        const json = JSON.stringify({ jsonrpc: '2.0', id, result: { text: 'x'.repeat(300_000) } });
        response.writeHead(200, { 'content-type': stream ? 'text/event-stream' : 'application/json' });
        response.end(stream ? `data: ${json}\n\n` : json);
      }),
    );
    const upstream = open(httpUpstream(served.url), { limits: { messageBytes: 10_000 } });
    const session = await upstream.session(sessionRequest(), patient());
    const error = await errorOf(session.request('tools/call', call('x'), { signal: patient() }));
    expect(error.code).toBe('SALLY_UPSTREAM_REPLY_SIZE');
  }
});

it('[M23] lets requests wait in a bounded queue', async () => {
  const { url, events } = await serveModern();
  const upstream = open(httpUpstream(url), { limits: { inFlight: 1, queue: 1 } });
  const session = await upstream.session(sessionRequest(), patient());
  const own = new AbortController();
  const begun = once(events, 'slow');
  const slow = errorOf(session.request('tools/call', call('slow'), { signal: own.signal }));
  await begun;
  const second = session.request('tools/call', call('echo', { text: '2' }), { signal: patient() });
  const third = await errorOf(session.request('tools/call', call('echo'), { signal: patient() }));
  expect(third.code).toBe('SALLY_UPSTREAM_BUSY');
  own.abort();
  expect(((await slow) as SallyError).code).toBe('SALLY_UPSTREAM_CANCELLED');
  expect(textOf(await second)).toBe('2');
});

it('is reached once it is there, with growing pauses before that', async () => {
  const port = await freePort();
  const upstream = open(httpUpstream(`http://localhost:${port}/mcp`));
  await upstream.settled(patient());
  expect(upstream.state).toMatchObject({ kind: 'down', code: 'SALLY_UPSTREAM_DOWN' });
  await serveSessions({ port });
  expect(await reaches(upstream, 'up')).toMatchObject({ era: 'legacy' });
});
