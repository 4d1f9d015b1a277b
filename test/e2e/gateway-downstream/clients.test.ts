import { Client as Modern, StreamableHTTPClientTransport as ModernHttp } from '@modelcontextprotocol/client';
import { Client as First } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as FirstHttp } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  CreateMessageRequestSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type RunningEndpoint, startEndpoint } from '../../support/endpoint.js';

const sample = {
  model: 'm',
  role: 'assistant' as const,
  content: { type: 'text' as const, text: 'because' },
};

/** A client of the SDK's first generation, of the last revision with sessions. */
async function firstClient(endpoint: RunningEndpoint) {
  const client = new First({ name: 'first', version: '1.0.0' }, { capabilities: { sampling: {} } });
  client.setRequestHandler(CreateMessageRequestSchema, () => sample);
  const transport = new FirstHttp(new URL(endpoint.url));
  await client.connect(transport as never);
  onTestFinished(() => client.close());
  return { client, transport };
}

/** A client of the SDK's second generation; `pin` is the revision to speak, none lets it find out. */
async function secondClient(endpoint: RunningEndpoint, pin?: string) {
  const mode = pin === undefined ? 'auto' : pin === 'legacy' ? 'legacy' : { pin };
  const client = new Modern(
    { name: 'second', version: '2.0.0' },
    { capabilities: { sampling: {} }, versionNegotiation: { mode } },
  );
  const transport = new ModernHttp(new URL(endpoint.url));
  await client.connect(transport);
  onTestFinished(() => client.close());
  return { client, transport };
}

const textOf = (result: unknown) => (result as { content: { text: string }[] }).content[0]?.text;

describe('a client of the first SDK', () => {
  it('[M2] opens a session, lists and calls tools', async () => {
    const endpoint = await startEndpoint();
    const { client, transport } = await firstClient(endpoint);
    expect(transport.sessionId).toMatch(/^[\w-]{32}$/);
    expect(client.getServerVersion()).toEqual({ name: 'fixture', version: '1.0.0' });
    expect(client.getInstructions()).toBe('for tests');
    expect((await client.listTools()).tools.map((tool) => tool.name)).toContain('echo');
    expect(textOf(await client.callTool({ name: 'echo', arguments: { text: 'hello' } }))).toBe('hello');
    await client.ping();
  });

  it('hears of progress while its call is under way', async () => {
    const endpoint = await startEndpoint();
    const { client } = await firstClient(endpoint);
    const seen: number[] = [];
    const result = await client.callTool({ name: 'steps', arguments: { count: 3 } }, undefined, {
      onprogress: ({ progress }) => seen.push(progress),
    });
    expect(seen).toEqual([1, 2, 3]);
    expect(textOf(result)).toBe('done');
  });

  it('[M6] is asked on the way of its call, and its answer finds its way back', async () => {
    const endpoint = await startEndpoint();
    const { client } = await firstClient(endpoint);
    expect(textOf(await client.callTool({ name: 'ask' }))).toBe(JSON.stringify(sample.content));
  });

  it('[M12] cancels: the upstream hears of it', async () => {
    const endpoint = await startEndpoint();
    const { client } = await firstClient(endpoint);
    const control = new AbortController();
    const call = client.callTool({ name: 'wait', arguments: { name: 'a' } }, undefined, {
      signal: control.signal,
    });
    call.catch(() => {});
    await endpoint.router.until(() => endpoint.router.events.begun.length === 1);
    control.abort();
    await expect(call).rejects.toThrow();
    await endpoint.router.until(() => endpoint.router.events.cancelled.includes('a'));
    expect(await endpoint.logged((line) => line['method'] === 'tools/call')).toMatchObject({
      outcome: 'cancelled',
      target: 'wait',
    });
  });

  it('hears on its GET stream of what belongs to no request', async () => {
    const endpoint = await startEndpoint();
    const { client } = await firstClient(endpoint);
    const heard = new Promise<void>((resolve) => {
      client.setNotificationHandler(ToolListChangedNotificationSchema, () => resolve());
    });
    await client.callTool({ name: 'change' });
    await heard;
  });

  it('ends its session by DELETE: the router lets go of it', async () => {
    const endpoint = await startEndpoint();
    const { client, transport } = await firstClient(endpoint);
    await client.listTools();
    await transport.terminateSession();
    await endpoint.router.until(() => endpoint.router.gone.length === 1);
    expect(endpoint.router.gone).toEqual([endpoint.router.clients[0]?.key]);
    expect(endpoint.open.sessions).toBe(0);
  });
});

describe('a client of the second SDK', () => {
  it('[M2] finds 2026-07-28 by itself, and needs no session', async () => {
    const endpoint = await startEndpoint();
    const { client } = await secondClient(endpoint);
    expect(client.getNegotiatedProtocolVersion()).toBe('2026-07-28');
    expect((await client.listTools()).tools.map((tool) => tool.name)).toContain('echo');
    expect(textOf(await client.callTool({ name: 'echo', arguments: { text: 'hello' } }))).toBe('hello');
    expect(endpoint.open.sessions).toBe(0);
  });

  it('hears of progress while its call is under way', async () => {
    const endpoint = await startEndpoint();
    const { client } = await secondClient(endpoint);
    const seen: number[] = [];
    const result = await client.callTool(
      { name: 'steps', arguments: { count: 3 } },
      { onprogress: ({ progress }) => void seen.push(progress) },
    );
    expect(seen).toEqual([1, 2, 3]);
    expect(textOf(result)).toBe('done');
  });

  it('[M3] mirrors parameters into headers, and is served', async () => {
    const endpoint = await startEndpoint();
    const { client } = await secondClient(endpoint);
    await client.listTools();
    const args = { region: 'Zürich', size: 42 };
    expect(textOf(await client.callTool({ name: 'region', arguments: args }))).toBe(JSON.stringify(args));
  });

  it('[M12] cancels by closing its connection', async () => {
    const endpoint = await startEndpoint();
    const { client } = await secondClient(endpoint);
    const control = new AbortController();
    const call = client.callTool({ name: 'wait', arguments: { name: 'b' } }, { signal: control.signal });
    call.catch(() => {});
    await endpoint.router.until(() => endpoint.router.events.begun.length === 1);
    control.abort();
    await endpoint.router.until(() => endpoint.router.events.cancelled.includes('b'));
    await expect(call).rejects.toThrow();
  });

  it('listens for changes of lists', async () => {
    const endpoint = await startEndpoint();
    const { client } = await secondClient(endpoint);
    const heard = new Promise<void>((resolve) => {
      client.setNotificationHandler('notifications/tools/list_changed', () => resolve());
    });
    const subscription = await client.listen({ toolsListChanged: true });
    await client.callTool({ name: 'change', arguments: {} });
    await heard;
    await subscription.close();
    await endpoint.router.until(() => endpoint.open.streams === 0);
  });

  it('[M2] speaks a revision with sessions where it is told to', async () => {
    const endpoint = await startEndpoint();
    const { client, transport } = await secondClient(endpoint, 'legacy');
    expect(client.getNegotiatedProtocolVersion()).toBe('2025-11-25');
    expect(transport.sessionId).toBeDefined();
    expect(textOf(await client.callTool({ name: 'echo', arguments: { text: 'hello' } }))).toBe('hello');
  });
});
