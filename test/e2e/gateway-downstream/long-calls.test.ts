import { describe, expect, it } from 'vitest';
import { callTool, type RunningEndpoint, startEndpoint } from '../../support/endpoint.js';
import { all, events } from '../../support/sse.js';

const prefix = 'io.modelcontextprotocol/';
const envelope = { [`${prefix}protocolVersion`]: '2026-07-28', [`${prefix}clientCapabilities`]: {} };
const wait = callTool('wait', { name: 'a' }, envelope);

/** What a client of the era sends with a call of `wait`. */
async function headersOf(
  era: 'legacy' | 'modern',
  endpoint: RunningEndpoint,
): Promise<Record<string, string>> {
  if (era === 'legacy') return { 'Mcp-Session-Id': await endpoint.openSession() };
  return { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': 'wait' };
}
const bodyOf = (era: 'legacy' | 'modern') => (era === 'modern' ? wait : callTool('wait', { name: 'a' }));

describe.each(['legacy', 'modern'] as const)('a call of the %s era that goes on for long', (era) => {
  it('has a reply that is a stream, with comments until the result is there', async () => {
    const endpoint = await startEndpoint({ streamAfterMs: 50, pulseMs: 20 });
    const reply = await endpoint.post(bodyOf(era), await headersOf(era, endpoint));
    expect(reply.headers.get('content-type')).toBe('text/event-stream');
    expect(endpoint.router.events.cancelled).toEqual([]);
    let text = '';
    for await (const piece of reply.body ?? []) {
      text += Buffer.from(piece as Uint8Array).toString();
      if (text.split('\n').filter((line) => line === ': ').length > 3) endpoint.router.events.release();
    }
    const data = text.split('\n').findLast((line) => line.startsWith('data: {')) ?? '';
    expect(JSON.parse(data.slice(6))).toMatchObject({ id: 1, result: { content: [{ text: 'waited a' }] } });
  });

  it('is asked of the plugins of the reply first, once', async () => {
    const asked: unknown[] = [];
    const endpoint = await startEndpoint({
      streamAfterMs: 50,
      replyHeaders: async (status, headers) => {
        asked.push([status, headers['Content-Type']]);
        return { ...headers, 'X-Seen': 'yes' };
      },
    });
    const headers = await headersOf(era, endpoint);
    asked.length = 0;
    const reply = await endpoint.post(bodyOf(era), headers);
    expect(reply.headers.get('x-seen')).toBe('yes');
    endpoint.router.events.release();
    await reply.text();
    expect(asked).toEqual([[200, 'text/event-stream']]);
  });

  it('stays JSON for a client that reads no streams', async () => {
    const endpoint = await startEndpoint({ streamAfterMs: 20 });
    const headers = { ...(await headersOf(era, endpoint)), Accept: 'application/json' };
    const called = endpoint.post(bodyOf(era), headers);
    await endpoint.router.until(() => endpoint.router.events.begun.length === 1);
    // One that began after it is a stream already.
    const other = await endpoint.post(bodyOf(era), await headersOf(era, endpoint));
    expect(other.headers.get('content-type')).toBe('text/event-stream');
    endpoint.router.events.release();
    const reply = await called;
    expect(reply.headers.get('content-type')).toBe('application/json');
    expect(await reply.json()).toMatchObject({ result: { content: [{ text: 'waited a' }] } });
  });

  it('says so where it is over soon: in one document', async () => {
    const endpoint = await startEndpoint({ streamAfterMs: 20_000 });
    const called = endpoint.post(bodyOf(era), await headersOf(era, endpoint));
    await endpoint.router.until(() => endpoint.router.events.begun.length === 1);
    endpoint.router.events.release();
    expect((await called).headers.get('content-type')).toBe('application/json');
  });
});

it('a session client that has lost the connection of a long call comes back for its result', async () => {
  const endpoint = await startEndpoint({ streamAfterMs: 50 });
  const session = await headersOf('legacy', endpoint);
  const reply = await endpoint.post(bodyOf('legacy'), session);
  let id = '';
  for await (const event of events(reply)) {
    id = event.id ?? '';
    break;
  }
  endpoint.router.events.release();
  const again = { ...session, Accept: 'text/event-stream', 'Last-Event-ID': id };
  const resumed = await all(events(await fetch(endpoint.url, { headers: again })));
  expect(resumed.map(({ data }) => data).join('')).toContain('waited a');
});
