import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { Client as Modern } from '@modelcontextprotocol/client';
import { Client as First } from '@modelcontextprotocol/sdk/client/index.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { CreateMessageRequestSchema, type JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { silentLogger } from '../../../src/log.js';
import { serveStdio } from '../../../src/mcp/endpoint-stdio.js';
import { callTool, initialize, roomyLimits } from '../../support/endpoint.js';
import { type FixtureRouter, fixtureRouter } from '../../support/fixture-router.js';

interface Served {
  readonly router: FixtureRouter;
  readonly input: PassThrough;
  readonly output: PassThrough;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
  /** Everything that was written, line by line. */
  readonly lines: string[];
  /** The next line, parsed. */
  next(): Promise<Record<string, unknown>>;
  say(message: unknown): void;
}

function serve(limits: { bodyBytes?: number } = {}): Served {
  const router = fixtureRouter();
  const input = new PassThrough();
  const output = new PassThrough();
  const stop = new AbortController();
  const ended = serveStdio({
    router,
    admit: () => ({
      kind: 'admitted',
      identity: { user: null, tenant: null, method: 'none' },
      headers: {},
      requestId: () => 'r',
      context: () => undefined,
    }),
    limits: { ...roomyLimits, ...limits },
    log: silentLogger,
    serverInfo: { name: 'sallyport', version: '9.9.9' },
    input,
    output,
    signal: stop.signal,
  });
  const lines: string[] = [];
  const reader = createInterface({ input: output });
  const iterator = reader[Symbol.asyncIterator]();
  onTestFinished(async () => {
    stop.abort();
    await ended;
  });
  return {
    router,
    input,
    output,
    stop,
    ended,
    lines,
    async next() {
      const { value } = (await iterator.next()) as { value: string };
      lines.push(value);
      return JSON.parse(value) as Record<string, unknown>;
    },
    say: (message) =>
      void input.write(`${typeof message === 'string' ? message : JSON.stringify(message)}\n`),
  };
}

/** A client's end of the two streams. */
class StreamTransport implements Transport {
  onmessage?: (message: JSONRPCMessage) => void;
  onclose?: () => void;
  readonly #served: Served;

  constructor(served: Served) {
    this.#served = served;
  }

  async start(): Promise<void> {
    createInterface({ input: this.#served.output }).on('line', (line) => {
      this.onmessage?.(JSON.parse(line) as JSONRPCMessage);
    });
  }

  async send(message: JSONRPCMessage): Promise<void> {
    this.#served.say(message);
  }

  async close(): Promise<void> {
    this.#served.input.end();
    this.onclose?.();
  }
}

const prefix = 'io.modelcontextprotocol/';
const envelope = { [`${prefix}protocolVersion`]: '2026-07-28', [`${prefix}clientCapabilities`]: {} };
const textOf = (result: unknown) => (result as { content: { text: string }[] }).content[0]?.text;

describe('[M27] a client of the SDK over stdio', () => {
  it('goes on after an answer that cannot be written', async () => {
    const served = serve();
    served.say(initialize());
    await served.next();
    // As what is nested too deep, for some versions of Node, it cannot be written.
    served.router.handle = async () => ({ result: { unwritable: 1n } });
    served.say(callTool('echo'));
    expect(await served.next()).toMatchObject({ error: { data: { code: 'SALLY_INTERNAL' } } });
    served.say({ jsonrpc: '2.0', id: 'p', method: 'ping' });
    expect(await served.next()).toMatchObject({ id: 'p' });
  });

  it('is answered, and served on, where what it says of itself is nested too deep', async () => {
    const served = serve();
    const depth = 20_000;
    const deep = `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`;
    const said = `{"${prefix}protocolVersion":"2026-07-28","${prefix}clientCapabilities":${deep}}`;
    served.say(`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":${said}}}`);
    expect(await served.next()).toMatchObject({ id: 1, error: { data: { code: 'SALLY_JSON_DEPTH' } } });
    served.say({ jsonrpc: '2.0', id: 'p', method: 'ping' });
    expect(await served.next()).toMatchObject({ id: 'p' });
  });

  it('of the first generation: lists, calls, hears of progress, is asked', async () => {
    const served = serve();
    const client = new First({ name: 'first', version: '1.0.0' }, { capabilities: { sampling: {} } });
    const content = { type: 'text' as const, text: 'because' };
    client.setRequestHandler(CreateMessageRequestSchema, () => ({ model: 'm', role: 'assistant', content }));
    await client.connect(new StreamTransport(served) as never);
    expect((await client.listTools()).tools.map((tool) => tool.name)).toContain('echo');
    const seen: number[] = [];
    await client.callTool({ name: 'steps', arguments: { count: 2 } }, undefined, {
      onprogress: ({ progress }) => seen.push(progress),
    });
    expect(seen).toEqual([1, 2]);
    expect(textOf(await client.callTool({ name: 'ask' }))).toBe(JSON.stringify(content));
    await client.ping();
    await client.close();
    await served.ended;
    expect(served.router.gone).toEqual([served.router.clients[0]?.key]);
  });

  it('of the second generation: finds the newest revision, and listens', async () => {
    const served = serve();
    const client = new Modern({ name: 'second', version: '2.0.0' }, { versionNegotiation: { mode: 'auto' } });
    await client.connect(new StreamTransport(served) as never);
    expect(client.getNegotiatedProtocolVersion()).toBe('2026-07-28');
    expect(textOf(await client.callTool({ name: 'echo', arguments: { text: 'hello' } }))).toBe('hello');
    const heard = new Promise<void>((resolve) => {
      client.setNotificationHandler('notifications/tools/list_changed', () => resolve());
    });
    await client.listen({ toolsListChanged: true });
    await client.callTool({ name: 'change', arguments: {} });
    await heard;
    await client.close();
  });
});

describe('[M27] lines', () => {
  it('what is no message is answered by an error, and the next line is served', async () => {
    const served = serve({ bodyBytes: 500 });
    const error = (code: number, id: unknown = null) =>
      expect.objectContaining({ id, error: expect.objectContaining({ code }) });
    served.say('{');
    expect(await served.next()).toEqual(error(-32700));
    served.say([]);
    expect(await served.next()).toEqual(error(-32600));
    served.say(callTool('echo', { text: 'x'.repeat(500) }));
    expect(await served.next()).toEqual(error(-32600));
    served.say(callTool('echo', {}, {}, 5));
    expect(await served.next()).toEqual(error(-32602, 5));
    served.say(callTool('echo', {}, { ...envelope, [`${prefix}protocolVersion`]: '2030-01-01' }, 6));
    expect(await served.next()).toEqual(error(-32022, 6));
    served.say('');
    served.say(callTool('echo', { text: 'hello' }, envelope, 'last'));
    expect(await served.next()).toMatchObject({ id: 'last', result: { resultType: 'complete' } });
  });

  it('in pieces, and many at once', async () => {
    const served = serve();
    const both = `${JSON.stringify(initialize())}\r\n${JSON.stringify(callTool('echo', { text: 'ü' }))}\n`;
    const bytes = Buffer.from(both);
    for (let i = 0; i < bytes.length; i += 7) served.input.write(bytes.subarray(i, i + 7));
    expect(await served.next()).toMatchObject({ id: 'init' });
    expect(await served.next()).toMatchObject({ id: 1, result: { content: [{ text: 'ü' }] } });
  });
});

describe('the end', () => {
  it('of the input: what is in flight is answered first', async () => {
    const served = serve();
    served.say(callTool('wait', { name: 'a' }, envelope));
    await served.router.until(() => served.router.events.begun.length === 1);
    served.input.end();
    served.router.events.release();
    expect(await served.next()).toMatchObject({ id: 1, result: { content: [{ text: 'waited a' }] } });
    await served.ended;
  });

  it('by signal: a subscription is ended in order', async () => {
    const served = serve();
    const params = { notifications: { toolsListChanged: true }, _meta: envelope };
    served.say({ jsonrpc: '2.0', id: 's', method: 'subscriptions/listen', params });
    expect(await served.next()).toMatchObject({
      method: 'notifications/subscriptions/acknowledged',
      params: { _meta: { [`${prefix}subscriptionId`]: 's' } },
    });
    served.stop.abort();
    expect(await served.next()).toMatchObject({ id: 's', result: { resultType: 'complete' } });
    await served.ended;
  });

  it('of a request: cancelled by its id as it was written, and by no other that JavaScript takes for it', async () => {
    const served = serve();
    const wait = JSON.stringify(callTool('wait', { name: 'a' }, envelope, 'ID'));
    served.say(wait.replace('"ID"', '9007199254740993'));
    await served.router.until(() => served.router.events.begun.length === 1);
    const cancel = (id: string) =>
      served.say(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id}}}`);
    cancel('9007199254740992');
    served.say(callTool('echo', { text: 'next' }, envelope, 'e'));
    expect(await served.next()).toMatchObject({ id: 'e' });
    expect(served.router.events.cancelled).toEqual([]);
    cancel('9007199254740993');
    await served.router.until(() => served.router.events.cancelled.length === 1);
  });

  it('of a request: cancelled, nothing more is said of it', async () => {
    const served = serve();
    served.say(callTool('wait', { name: 'a' }, envelope, 'w'));
    await served.router.until(() => served.router.events.begun.length === 1);
    served.say({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'w' } });
    await served.router.until(() => served.router.events.cancelled.length === 1);
    served.say(callTool('echo', { text: 'next' }, envelope, 'e'));
    expect(await served.next()).toMatchObject({ id: 'e' });
  });
});
