import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import {
  CreateMessageRequestSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { sallyport } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { everything, firstText, startGateway } from '../../support/gateway-run.js';
import { patience } from '../../support/patience.js';
import { serveSse } from '../../support/sse-server.js';

/** A client of the SDK over HTTP+SSE. */
async function sseClient(url: string, token?: string): Promise<Client> {
  const client = new Client({ name: 'old', version: '1.0.0' }, { capabilities: { sampling: {} } });
  const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  const eventSourceInit = {
    fetch: (input: string | URL | Request, init?: RequestInit) =>
      fetch(input, { ...init, headers: { ...(init?.headers as Record<string, string>), ...headers } }),
  };
  const transport = new SSEClientTransport(new URL(url.replace('/mcp', '/sse')), {
    requestInit: { headers },
    eventSourceInit,
  });
  await client.connect(transport as never);
  onTestFinished(() => client.close().catch(() => {}));
  return client;
}

/** Opens a stream by hand, and gives its address for messages. */
async function stream(url: string, headers: Record<string, string> = {}) {
  const opened = httpRequest(url.replace('/mcp', '/sse'), {
    headers: { accept: 'text/event-stream', ...headers },
  });
  opened.end();
  onTestFinished(() => void opened.destroy());
  const [response] = (await once(opened, 'response')) as [import('node:http').IncomingMessage];
  if (response.statusCode !== 200) return { status: response.statusCode, opened, endpoint: '' };
  const [first] = (await once(response, 'data')) as [Buffer];
  const [, path = ''] = /^event: endpoint\ndata: (.*)\n\n$/.exec(first.toString()) ?? [];
  return { status: 200, opened, response, endpoint: new URL(path, url).href };
}

const post = (url: string, message: object, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ jsonrpc: '2.0', ...message }),
  });
const initialize = (protocolVersion: string) => ({
  id: 1,
  method: 'initialize',
  params: { protocolVersion, capabilities: {}, clientInfo: { name: 'c', version: '1' } },
});

describe('clients over HTTP+SSE of 2024-11-05', () => {
  it('are not served unless that is said', async () => {
    const { url } = await startGateway({ gateway: { upstreams: { every: everything } } });
    for (const path of ['/sse', '/messages?sessionId=x'])
      expect((await fetch(url.replace('/mcp', path))).status).toBe(404);
  });

  it('have tools, requests of the server, changes of lists and cancellation', async () => {
    const old = await serveSse();
    const gateway = { sse: true, upstreams: { old: { url: old.url, share: 'session' } } };
    const { url } = await startGateway({ gateway });
    const client = await sseClient(url);
    client.setRequestHandler(CreateMessageRequestSchema, () => ({
      model: 'm',
      role: 'assistant',
      content: { type: 'text', text: 'me' },
    }));
    const changed = new Promise((resolve) =>
      client.setNotificationHandler(ToolListChangedNotificationSchema, resolve),
    );
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toContain('echo');
    expect(firstText(await client.callTool({ name: 'echo', arguments: { text: 'hi' } }))).toBe('hi');
    expect(firstText(await client.callTool({ name: 'ask' }))).toBe('me');
    await client.callTool({ name: 'change' });
    await changed;
    const [begun, aborted] = [once(old.events, 'slow'), once(old.events, 'aborted')];
    const controller = new AbortController();
    const slow = client.callTool({ name: 'slow' }, undefined, { signal: controller.signal });
    slow.catch(() => {});
    await begun;
    controller.abort();
    await aborted;
    // The end of the stream ends what it has begun.
    const [again, ended] = [once(old.events, 'slow'), once(old.events, 'aborted')];
    client.callTool({ name: 'slow' }).catch(() => {});
    await again;
    await client.close();
    await ended;
  });

  it('have the progress of a call before its result, with the token that they gave', async () => {
    const old = await serveSse();
    const { url } = await startGateway({ gateway: { sse: true, upstreams: { old: { url: old.url } } } });
    const { endpoint, response } = await stream(url);
    let text = '';
    const done = new Promise<void>((resolve) => {
      response?.on('data', (chunk: Buffer) => {
        text += chunk;
        if (text.includes('"id":2')) resolve();
      });
    });
    await post(endpoint, initialize('2025-06-18'));
    const params = { name: 'steps', _meta: { progressToken: 'mine' } };
    expect((await post(endpoint, { id: 2, method: 'tools/call', params })).status).toBe(202);
    await done;
    const events = [...text.matchAll(/^data: (.*)$/gm)].map(([, data = '']) => JSON.parse(data));
    expect(events.slice(1)).toMatchObject([
      { method: 'notifications/progress', params: { progressToken: 'mine', progress: 1 } },
      { method: 'notifications/progress', params: { progressToken: 'mine', progress: 2 } },
      { id: 2, result: { content: [{ text: 'done' }] } },
    ]);
  });

  it('are answered in the revision that they ask for, the oldest too', async () => {
    const { url } = await startGateway({ gateway: { sse: true, upstreams: { every: everything } } });
    for (const version of ['2024-11-05', '2025-06-18']) {
      const { endpoint, response } = await stream(url);
      let text = '';
      response?.on('data', (chunk: Buffer) => {
        text += chunk;
      });
      const reply = await post(endpoint, initialize(version));
      expect(reply.status).toBe(202);
      // Comments that keep the stream alive may come between.
      await expect
        .poll(() => text, { timeout: patience(10_000) })
        .toContain(`"protocolVersion":"${version}"`);
      expect((await post(endpoint, initialize(version))).status).toBe(400);
    }
  });

  it('pass the same door as others: token, owner of the session, Host, Origin, body and limits', async () => {
    const folder = await temporaryFolder();
    const tokens = join(folder, 'tokens.json');
    const made = async (user: string) => {
      const { stdout } = await sallyport(['token', 'create', '--file', tokens, '--user', user]);
      return stdout.split('\n')[0] ?? '';
    };
    const [ada, eve] = [await made('ada'), await made('eve')];
    const gateway = {
      sse: true,
      auth: { kind: 'bearer', tokens_file: tokens },
      limits: { sessions_per_user: 2, body_bytes: 2000 },
      upstreams: { every: everything },
    };
    const { url } = await startGateway({ gateway });
    const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
    expect((await stream(url)).status).toBe(401);
    const { endpoint } = await stream(url, bearer(ada));
    const hello = initialize('2025-06-18');
    expect((await post(endpoint, hello)).status).toBe(401);
    expect((await post(endpoint, hello, bearer(eve))).status).toBe(404);
    expect((await post(endpoint, { id: 2, method: 'tools/list' }, bearer(ada))).status).toBe(400);
    expect((await post(endpoint, hello, bearer(ada))).status).toBe(202);
    const foreign = { ...bearer(ada), origin: 'https://evil.example' };
    expect((await stream(url, foreign)).status).toBe(403);
    expect((await post(endpoint, hello, foreign)).status).toBe(403);
    expect((await stream(url, { ...bearer(ada), host: 'evil.example' })).status).toBe(421);
    expect((await post(endpoint, { ...hello, padding: 'x'.repeat(3000) }, bearer(ada))).status).toBe(413);
    const text = { ...bearer(ada), 'content-type': 'text/plain' };
    expect((await post(endpoint, hello, text)).status).toBe(415);
    expect((await stream(url, bearer(ada))).status).toBe(200);
    expect((await stream(url, bearer(ada))).status).toBe(429);
    expect((await stream(url, bearer(eve))).status).toBe(200);
    expect((await post(url.replace('/mcp', '/messages?sessionId=guess'), hello, bearer(ada))).status).toBe(
      404,
    );
    expect((await fetch(endpoint, { headers: bearer(ada) })).status).toBe(405);
  });

  it('reach their stream through any worker', async () => {
    const gateway = { sse: true, upstreams: { every: everything } };
    const { url } = await startGateway({ gateway }, { args: ['--workers', '2'] });
    for (let i = 0; i < 6; i += 1) {
      const client = await sseClient(url);
      const result = await client.callTool({ name: 'echo', arguments: { message: `call ${i}` } });
      expect(firstText(result)).toContain(`call ${i}`);
    }
  });
});
