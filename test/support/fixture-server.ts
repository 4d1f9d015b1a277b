import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import {
  CallToolRequestSchema,
  ListToolsRequestSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';

const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });

const tool = (name: string, properties: object = {}) => ({
  name,
  inputSchema: { type: 'object' as const, properties: properties as Record<string, object> },
});

/** What the fixture server has come to know, for tests to wait on. */
export interface FixtureEvents {
  /** Calls of `wait` that have begun. */
  readonly begun: string[];
  /** Calls of `wait` that were cancelled. */
  readonly cancelled: string[];
  /** Lets the calls of `wait` go on. */
  release: () => void;
  readonly released: Promise<void>;
  /** Called after each change. */
  changed: () => void;
}

export function fixtureEvents(): FixtureEvents {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { begun: [], cancelled: [], release, released, changed: () => {} };
}

/** An MCP server of the SDK, generation 1, with a tool for each thing that a request can do on its way. */
export function fixtureServer(events: FixtureEvents): Server {
  const server = new Server(
    { name: 'fixture', version: '1.0.0' },
    {
      capabilities: {
        tools: { listChanged: true },
        resources: { subscribe: true },
        logging: {},
      },
      instructions: 'for tests',
    },
  );
  server.setRequestHandler(SubscribeRequestSchema, () => ({}));
  server.setRequestHandler(UnsubscribeRequestSchema, () => ({}));
  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: [
      tool('echo', { text: { type: 'string' } }),
      tool('steps', { count: { type: 'number' } }),
      tool('ask'),
      tool('wait', { name: { type: 'string' } }),
      tool('flood', { count: { type: 'number' }, chars: { type: 'number' } }),
      tool('change'),
      tool('region', {
        region: { type: 'string', 'x-mcp-header': 'Region' },
        size: { type: 'integer', 'x-mcp-header': 'Size' },
      }),
    ],
  }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
    const args = params.arguments ?? {};
    const progressToken = params._meta?.progressToken ?? 'none';
    const step = (progress: number, message = '') => {
      const said = { progressToken, progress, message };
      return extra.sendNotification({ method: 'notifications/progress', params: said });
    };
    switch (params.name) {
      case 'steps':
        for (let i = 1; i <= Number(args['count'] ?? 3); i += 1) await step(i);
        return text('done');
      case 'flood':
        for (let i = 1; i <= Number(args['count']); i += 1)
          await step(i, 'x'.repeat(Number(args['chars'] ?? 10)));
        return text('done');
      case 'ask': {
        const answer = await server.createMessage(
          { messages: [{ role: 'user', content: { type: 'text', text: 'well?' } }], maxTokens: 10 },
          { relatedRequestId: extra.requestId, signal: extra.signal },
        );
        return text(JSON.stringify(answer.content));
      }
      case 'wait': {
        const name = String(args['name'] ?? '');
        events.begun.push(name);
        events.changed();
        if (args['step'] === true) await step(1);
        await Promise.race([
          events.released,
          new Promise((resolve) => extra.signal.addEventListener('abort', resolve)),
        ]);
        if (extra.signal.aborted) events.cancelled.push(name);
        events.changed();
        if (args['step'] === true) await step(2);
        return text(`waited ${name}`);
      }
      case 'change':
        await server.sendToolListChanged();
        return text('changed');
      default:
        return text(String(args['text'] ?? JSON.stringify(args)));
    }
  });
  return server;
}
