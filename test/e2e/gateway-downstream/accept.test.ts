import { request as httpRequest } from 'node:http';
import { describe, expect, it } from 'vitest';
import { callTool, type RunningEndpoint, startEndpoint } from '../../support/endpoint.js';
import { events } from '../../support/sse.js';

const prefix = 'io.modelcontextprotocol/';
const json = { Accept: 'application/json' };
const progress = { progressToken: 'p' };

interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: { result?: { content: { text: string }[] }; error?: { message: string } };
}

async function read(reply: Response): Promise<Reply> {
  const type = reply.headers.get('content-type') ?? '';
  return { status: reply.status, type, body: (await reply.json()) as Reply['body'] };
}

/** A POST of a client that says nothing of what it reads: `fetch` always says something. */
function postWithoutAccept(endpoint: RunningEndpoint, body: object, session: string): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': 'application/json', 'Mcp-Session-Id': session };
    const request = httpRequest(endpoint.url, { method: 'POST', headers }, (reply) => {
      let text = '';
      reply.setEncoding('utf8');
      reply.on('data', (part: string) => {
        text += part;
      });
      reply.on('end', () => {
        const { statusCode: status = 0, headers } = reply;
        resolve({ status, type: headers['content-type'] ?? '', body: JSON.parse(text) });
      });
    });
    request.on('error', reject);
    request.end(JSON.stringify(body));
  });
}

describe('a session client that does not say that it reads streams', () => {
  it.each(['application/json', 'application/*', '*/*'])('gets JSON for Accept: %s', async (Accept) => {
    const endpoint = await startEndpoint();
    const session = { 'Mcp-Session-Id': await endpoint.openSession() };
    const reply = await read(
      await endpoint.post(callTool('steps', { count: 2 }, progress), { ...session, Accept }),
    );
    expect(reply).toMatchObject({ status: 200, type: 'application/json' });
    expect(reply.body.result?.content).toEqual([{ type: 'text', text: 'done' }]);
  });

  it('gets JSON where it has no Accept at all', async () => {
    const endpoint = await startEndpoint();
    const session = await endpoint.openSession();
    const reply = await postWithoutAccept(endpoint, callTool('steps', { count: 2 }, progress), session);
    expect(reply).toMatchObject({ status: 200, type: 'application/json' });
    expect(reply.body.result?.content).toEqual([{ type: 'text', text: 'done' }]);
  });

  it('is asked nothing, and the upstream hears why', async () => {
    const endpoint = await startEndpoint();
    const headers = { ...json, 'Mcp-Session-Id': await endpoint.openSession() };
    const { body } = await read(await endpoint.post(callTool('ask'), headers));
    expect(JSON.stringify(body)).toContain(
      'sampling/createMessage was not asked of the client: its request accepts application/json',
    );
  });

  it('is asked on its GET stream where it has one', async () => {
    const endpoint = await startEndpoint();
    const headers = { ...json, 'Mcp-Session-Id': await endpoint.openSession() };
    const stream = await fetch(endpoint.url, { headers: { ...headers, Accept: 'text/event-stream' } });
    const called = endpoint.post(callTool('ask'), headers).then(read);
    for await (const { data } of events(stream)) {
      if (data === '') continue;
      const { id, method } = JSON.parse(data);
      expect(method).toBe('sampling/createMessage');
      const result = { model: 'm', role: 'assistant', content: { type: 'text', text: 'because' } };
      expect((await endpoint.post({ jsonrpc: '2.0', id, result }, headers)).status).toBe(202);
      break;
    }
    expect((await called).body.result?.content[0]?.text).toContain('because');
  });

  it('gets no document for a call that it has cancelled', async () => {
    const endpoint = await startEndpoint();
    const headers = { ...json, 'Mcp-Session-Id': await endpoint.openSession() };
    const called = endpoint.post(callTool('wait', { name: 'a' }), headers);
    await endpoint.router.until(() => endpoint.router.events.begun.length === 1);
    await endpoint.post(
      { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } },
      headers,
    );
    const reply = await called;
    expect([reply.status, await reply.text()]).toEqual([202, '']);
  });

  it('is told that a GET is a stream and nothing else', async () => {
    const endpoint = await startEndpoint();
    const headers = { ...json, 'Mcp-Session-Id': await endpoint.openSession() };
    const { status, body } = await read(await fetch(endpoint.url, { headers }));
    expect([status, body.error?.message]).toEqual([406, 'Not Acceptable: accept text/event-stream']);
  });
});

describe('a stateless client that reads JSON alone', () => {
  const envelope = { [`${prefix}protocolVersion`]: '2026-07-28', [`${prefix}clientCapabilities`]: {} };
  const headers = { ...json, 'MCP-Protocol-Version': '2026-07-28' };

  it('gets JSON, also of a call that tells of progress', async () => {
    const endpoint = await startEndpoint();
    const body = callTool('steps', { count: 2 }, { ...envelope, ...progress });
    const named = { ...headers, 'Mcp-Method': 'tools/call', 'Mcp-Name': 'steps' };
    const reply = await read(await endpoint.post(body, named));
    expect(reply).toMatchObject({ status: 200, type: 'application/json' });
    expect(reply.body.result?.content).toEqual([{ type: 'text', text: 'done' }]);
  });

  it('is told that a subscription is a stream and nothing else', async () => {
    const endpoint = await startEndpoint();
    const method = 'subscriptions/listen';
    const body = { jsonrpc: '2.0', id: 1, method, params: { notifications: {}, _meta: envelope } };
    const reply = await read(await endpoint.post(body, { ...headers, 'Mcp-Method': method }));
    expect([reply.status, reply.body.error?.message]).toEqual([
      406,
      'Not Acceptable: accept text/event-stream',
    ]);
  });
});
