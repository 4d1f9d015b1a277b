import { request as httpRequest } from 'node:http';
import { describe, expect, it } from 'vitest';
import { callTool, initialize, startEndpoint } from '../../support/endpoint.js';

const prefix = 'io.modelcontextprotocol/';
const envelope = { [`${prefix}protocolVersion`]: '2026-07-28', [`${prefix}clientCapabilities`]: {} };
const modern = (method: string, name?: string) => ({
  'MCP-Protocol-Version': '2026-07-28',
  'Mcp-Method': method,
  ...(name !== undefined && { 'Mcp-Name': name }),
});
const request = (method: string, params: object = { _meta: envelope }, id: unknown = 7) => ({
  jsonrpc: '2.0',
  id,
  method,
  params,
});

interface Seen {
  readonly status: number;
  readonly id: unknown;
  readonly code: number | undefined;
  readonly message: string;
  readonly data: unknown;
}

async function seen(reply: Response): Promise<Seen> {
  const body = (await reply.json()) as {
    id: unknown;
    error?: { code: number; message: string; data?: unknown };
  };
  return {
    status: reply.status,
    id: body.id,
    code: body.error?.code,
    message: body.error?.message ?? '',
    data: body.error?.data,
  };
}

describe('[M16,M23] what is no message', () => {
  it.each([
    ['text that is not JSON', '{', 400, -32700, null],
    ['no text at all', '', 400, -32700, null],
    ['a batch', [request('ping')], 400, -32600, null],
    ['an empty batch', [], 400, -32600, null],
    ['a number', '7', 400, -32600, null],
    ['another version of JSON-RPC', { jsonrpc: '1.0', id: 1, method: 'ping' }, 400, -32600, 1],
    ['an id that is null', { jsonrpc: '2.0', id: null, method: 'ping' }, 400, -32600, null],
    ['an id that is an object', { jsonrpc: '2.0', id: {}, method: 'ping' }, 400, -32600, null],
    ['a fraction as id', { jsonrpc: '2.0', id: 1.5, method: 'ping' }, 400, -32600, null],
    ['params that are a list', { jsonrpc: '2.0', id: 1, method: 'ping', params: [] }, 400, -32600, 1],
    ['a method that is no text', { jsonrpc: '2.0', id: 1, method: 7 }, 400, -32600, 1],
    ['neither result nor error', { jsonrpc: '2.0', id: 1 }, 400, -32600, 1],
  ])('%s', async (_, body, status, code, id) => {
    const endpoint = await startEndpoint();
    expect(await seen(await endpoint.post(body))).toMatchObject({ status, code, id });
  });

  it.each([
    [
      'nested too deep',
      `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${'['.repeat(300_000)}`,
      'SALLY_JSON_DEPTH',
    ],
    [
      'with too many keys',
      `{"jsonrpc":"2.0","id":1,"method":"ping","params":{${Array.from({ length: 10_001 }, (_, i) => `"k${i}":1`).join(',')}}}`,
      'SALLY_JSON_KEYS',
    ],
    [
      'that says its method twice',
      '{"jsonrpc":"2.0","id":1,"method":"ping","params":{},"m\\u0065thod":"tools/call"}',
      'SALLY_JSON_DUPLICATE_KEY',
    ],
  ])('a message %s', async (_, body, code) => {
    const endpoint = await startEndpoint();
    const reply = await seen(await endpoint.post(body));
    expect(reply).toMatchObject({ status: 400, code: -32600, id: null, data: { code } });
  });

  it('a body that is too large ends its connection', async () => {
    const endpoint = await startEndpoint({ limits: { bodyBytes: 1_000 } });
    const reply = await endpoint.post(callTool('echo', { text: 'x'.repeat(1_000) }));
    expect(reply.headers.get('connection')).toBe('close');
    expect(await seen(reply)).toMatchObject({ status: 413, code: -32600 });
  });

  it.each([
    [{ 'Content-Type': 'text/plain' }, 415],
    [{ 'Content-Type': 'application/jsonp' }, 415],
    [{ Accept: 'application/json;q=0, text/event-stream' }, 406],
    [{ Accept: 'text/event-stream' }, 406],
    [{ Accept: 'text/html' }, 406],
    [{ 'Content-Type': 'application/json; charset=utf-8', Accept: '*/*' }, 200],
  ])('headers %j: %i', async (headers, status) => {
    const endpoint = await startEndpoint();
    const reply = await endpoint.post(initialize(), headers as unknown as Record<string, string>);
    await reply.arrayBuffer();
    expect(reply.status).toBe(status);
  });

  it('another HTTP method', async () => {
    const endpoint = await startEndpoint();
    const reply = await fetch(endpoint.url, { method: 'PUT' });
    expect(reply.status).toBe(405);
    expect(reply.headers.get('allow')).toBe('GET, POST, DELETE');
  });
});

describe('[M2,M3] a request of 2026-07-28', () => {
  it.each([
    ['without _meta', request('tools/list', {}), modern('tools/list'), 400, -32602],
    [
      'without a version in _meta',
      request('tools/list', { _meta: { [`${prefix}clientCapabilities`]: {} } }),
      modern('tools/list'),
      400,
      -32602,
    ],
    [
      'without capabilities',
      request('tools/list', { _meta: { [`${prefix}protocolVersion`]: '2026-07-28' } }),
      modern('tools/list'),
      400,
      -32602,
    ],
    ['without the version header', request('tools/list'), { 'Mcp-Method': 'tools/list' }, 400, -32020],
    [
      'without the method header',
      request('tools/list'),
      { 'MCP-Protocol-Version': '2026-07-28' },
      400,
      -32020,
    ],
    ['with another method header', request('tools/list'), modern('prompts/list'), 400, -32020],
    ['with a method header in capitals', request('tools/list'), modern('TOOLS/LIST'), 400, -32020],
    [
      'with another version header',
      request('tools/list'),
      { ...modern('tools/list'), 'MCP-Protocol-Version': '2025-11-25' },
      400,
      -32020,
    ],
    ['without the name header', callTool('echo', {}, envelope), modern('tools/call'), 400, -32020],
    ['with another name header', callTool('echo', {}, envelope), modern('tools/call', 'ask'), 400, -32020],
    [
      'with a name header that is not decodable',
      callTool('echo', {}, envelope),
      modern('tools/call', '=?base64?!?='),
      400,
      -32020,
    ],
    ['initialize with its version header', initialize(), modern('initialize'), 400, -32020],
    ['of an unknown method', request('no/such'), modern('no/such'), 404, -32601],
    ...['initialize', 'ping', 'logging/setLevel', 'resources/subscribe', 'resources/unsubscribe'].map(
      (method) => [`of the removed ${method}`, request(method), modern(method), 404, -32601] as const,
    ),
  ] as const)('%s', async (_, body, headers, status, code) => {
    const endpoint = await startEndpoint();
    const reply = await seen(await endpoint.post(body, { ...headers }));
    expect(reply).toMatchObject({ status, code, id: (body as { id: unknown }).id });
  });

  it('of a version that is not served names those that are', async () => {
    const endpoint = await startEndpoint();
    const asked = 'v999.0.0';
    const body = request('server/discover', { _meta: { ...envelope, [`${prefix}protocolVersion`]: asked } });
    const reply = await endpoint.post(body, { ...modern('server/discover'), 'MCP-Protocol-Version': asked });
    expect(await seen(reply)).toMatchObject({
      status: 400,
      code: -32022,
      data: { supported: ['2026-07-28'], requested: asked },
    });
  });

  it('is served with its name encoded, without clientInfo, and whatever session it names', async () => {
    const endpoint = await startEndpoint();
    const headers = {
      ...modern('tools/call', `=?base64?${Buffer.from('echo').toString('base64')}?=`),
      'Mcp-Session-Id': 'of-nobody',
    };
    const reply = await endpoint.post(callTool('echo', { text: 'hello' }, envelope), headers);
    expect(reply.headers.get('mcp-session-id')).toBeNull();
    expect(await reply.json()).toEqual({
      jsonrpc: '2.0',
      id: 1,
      result: {
        content: [{ type: 'text', text: 'hello' }],
        resultType: 'complete',
        _meta: { [`${prefix}serverInfo`]: { name: 'sallyport', version: '9.9.9' } },
      },
    });
  });

  it.each([
    ['absent', {}, 400],
    ['of another value', { 'Mcp-Param-Region': 'north', 'Mcp-Param-Size': '4' }, 400],
    ['not of the alphabet', { 'Mcp-Param-Region': '=?base64?SGVs!!!bG8=?=', 'Mcp-Param-Size': '4' }, 400],
    ['as they have to be', { 'Mcp-Param-Region': 'south', 'mcp-param-size': '4.0' }, 200],
  ])('parameters in headers, %s', async (_, headers, status) => {
    const endpoint = await startEndpoint();
    await (await endpoint.post(request('tools/list'), modern('tools/list'))).arrayBuffer();
    const body = callTool('region', { region: 'south', size: 4 }, envelope);
    const reply = await endpoint.post(body, { ...modern('tools/call', 'region'), ...headers } as never);
    expect((await seen(reply)).code).toBe(status === 200 ? undefined : -32020);
    expect(reply.status).toBe(status);
  });

  it.each(['GET', 'DELETE'])('has no %s', async (method) => {
    const endpoint = await startEndpoint();
    const headers = { 'MCP-Protocol-Version': '2026-07-28', Accept: 'text/event-stream' };
    const reply = await fetch(endpoint.url, { method, headers });
    expect(reply.status).toBe(405);
    expect(reply.headers.get('allow')).toBe('POST');
  });

  it('discovers: versions, capabilities and how long they hold', async () => {
    const endpoint = await startEndpoint();
    const reply = await endpoint.post(request('server/discover'), modern('server/discover'));
    expect(((await reply.json()) as { result: object }).result).toEqual({
      resultType: 'complete',
      supportedVersions: ['2026-07-28'],
      capabilities: expect.objectContaining({ tools: { listChanged: true } }),
      instructions: 'for tests',
      ttlMs: 0,
      cacheScope: 'private',
      _meta: { [`${prefix}serverInfo`]: { name: 'fixture', version: '1.0.0' } },
    });
  });

  it('a notification is accepted', async () => {
    const endpoint = await startEndpoint();
    const body = { jsonrpc: '2.0', method: 'notifications/custom' };
    const reply = await endpoint.post(body, modern('notifications/custom'));
    expect([reply.status, await reply.text()]).toEqual([202, '']);
  });
});

describe('[M2] a request of an earlier revision', () => {
  it('without a session, or with one that is not known', async () => {
    const endpoint = await startEndpoint();
    expect(await seen(await endpoint.post(request('tools/list', {})))).toMatchObject({
      status: 400,
      code: -32600,
      id: 7,
    });
    const unknown = await endpoint.post(request('tools/list', {}), { 'Mcp-Session-Id': 'of-nobody' });
    expect(await seen(unknown)).toMatchObject({
      status: 404,
      code: -32001,
      id: 7,
      message: 'Session not found',
    });
  });

  it('with the session of another', async () => {
    const endpoint = await startEndpoint();
    const session = { 'Mcp-Session-Id': await endpoint.openSession('ada') };
    const body = request('tools/list', {});
    for (const user of ['bob', undefined]) {
      const headers = { ...session, ...(user && { 'X-User': user }) };
      expect(await seen(await endpoint.post(body, headers))).toMatchObject({ status: 404, code: -32001 });
    }
    expect((await endpoint.post(body, { ...session, 'X-User': 'ada' })).status).toBe(200);
  });

  it('with a version header of nobody', async () => {
    const endpoint = await startEndpoint();
    const headers = { 'Mcp-Session-Id': await endpoint.openSession(), 'MCP-Protocol-Version': '2024-01-01' };
    expect(await seen(await endpoint.post(request('tools/list', {}), headers))).toMatchObject({
      status: 400,
      id: 7,
    });
  });

  it('initialize: the version asked for where it is served, otherwise the newest; and only once', async () => {
    const endpoint = await startEndpoint();
    for (const [asked, given] of [
      ['2025-06-18', '2025-06-18'],
      ['2025-11-25', '2025-11-25'],
      ['2024-11-05', '2025-11-25'],
      // Its servers have to take batches, and none are served.
      ['2025-03-26', '2025-11-25'],
    ]) {
      const reply = await endpoint.post(initialize(asked));
      const { result } = (await reply.json()) as { result: { protocolVersion: string } };
      expect(result.protocolVersion).toBe(given);
    }
    const again = await endpoint.post(initialize(), { 'Mcp-Session-Id': await endpoint.openSession() });
    expect(await seen(again)).toMatchObject({ status: 400, code: -32600, id: 'init' });
    expect(await seen(await endpoint.post(request('initialize', {})))).toMatchObject({
      status: 400,
      code: -32602,
    });
    expect(endpoint.open.sessions).toBe(5);
  });
});

describe('who may come', () => {
  it('[M13] is asked before anything is read', async () => {
    const endpoint = await startEndpoint();
    const reply = await endpoint.post('{', { 'X-User': 'nobody' });
    expect([reply.status, reply.headers.get('www-authenticate'), await reply.json()]).toEqual([
      401,
      'Bearer',
      { error: 'who are you?' },
    ]);
    expect(await endpoint.logged((line) => line['status'] === 401)).toMatchObject({ outcome: 'refused' });
  });

  it.each([
    [{ Host: 'evil.example.com' }, 421],
    [{ Origin: 'http://evil.example.com' }, 403],
    [{ Origin: 'https://app.example.org.evil.example.com' }, 403],
    [{ Host: 'mcp.example.org' }, 200],
    [{ Host: 'MCP.example.org:8443' }, 200],
    [{ Host: 'localhost', Origin: 'http://localhost:6274' }, 200],
    [{ Origin: 'https://app.example.org' }, 200],
  ])('%j: %i', async (headers, status) => {
    const endpoint = await startEndpoint({
      allowedHosts: ['mcp.example.org'],
      allowedOrigins: ['https://app.example.org'],
    });
    const got = await new Promise<number | undefined>((resolve, reject) => {
      const own = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };
      const sent = httpRequest(endpoint.url, { method: 'POST', headers: { ...own, ...headers } }, (reply) => {
        reply.resume();
        resolve(reply.statusCode);
      });
      sent.on('error', reject).end(JSON.stringify(initialize()));
    });
    expect(got).toBe(status);
  });

  it('plugins have the last word on the headers of a reply', async () => {
    const endpoint = await startEndpoint({
      replyHeaders: async (status, headers) => ({
        ...headers,
        'X-Seen': String(status),
        'Content-Length': '1',
      }),
    });
    const reply = await endpoint.post(initialize());
    expect(reply.headers.get('x-seen')).toBe('200');
    expect(((await reply.json()) as { id: string }).id).toBe('init');
    const session = { 'Mcp-Session-Id': reply.headers.get('mcp-session-id') ?? '' };
    const streamed = await endpoint.post(callTool('steps', { count: 2 }), session);
    expect(streamed.headers.get('x-seen')).toBe('200');
    expect((await streamed.text()).match(/"progress":\d/g)).toEqual(['"progress":1', '"progress":2']);
  });

  it('headers that plugins made and that are none end in an error, not in what they were to keep back', async () => {
    const endpoint = await startEndpoint({ replyHeaders: async () => ({ 'X-Broken': 'a\nb' }) });
    for (const method of ['GET', 'POST']) {
      const reply = method === 'GET' ? await fetch(endpoint.url) : await endpoint.post(initialize());
      expect([reply.status, await reply.json()]).toEqual([500, { error: 'internal error' }]);
    }
    expect(await endpoint.logged((line) => line['level'] === 'error')).toMatchObject({
      msg: 'a reply could not be sent with the headers of plugins',
    });
  });
});
