import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { type Serving, serve } from './mcp-fixture.js';

/** A server of 2024-11-05 as the SDK has it: GET /sse, POST /messages?sessionId=…; any other way is refused. */
export async function serveSse(options: Pick<Serving, 'tls'> = {}) {
  const events = new EventEmitter();
  const sessions = new Map<string, { transport: SSEServerTransport; server: Server }>();
  const served = await serve(async (request, response) => {
    const url = new URL(request.url ?? '', 'http://localhost');
    if (request.method === 'GET' && url.pathname === '/sse') {
      const transport = new SSEServerTransport('/messages', response as ServerResponse);
      const server = fixture(events);
      sessions.set(transport.sessionId, { transport, server });
      response.once('close', () => sessions.delete(transport.sessionId));
      return server.connect(transport);
    }
    const session = sessions.get(url.searchParams.get('sessionId') ?? '');
    if (request.method === 'POST' && url.pathname === '/messages') {
      if (session === undefined) return response.writeHead(404).end('Session not found');
      return session.transport.handlePostMessage(
        request as IncomingMessage,
        response as ServerResponse,
        JSON.parse(request.text),
      );
    }
    return response.writeHead(url.pathname === '/sse' ? 405 : 404).end();
  }, options);
  return { ...served, url: served.url.replace('/mcp', '/sse'), events, sessions };
}

function fixture(events: EventEmitter): Server {
  const server = new Server(
    { name: 'old', version: '1.0.0' },
    { capabilities: { tools: { listChanged: true }, logging: {} } },
  );
  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: ['echo', 'slow', 'ask', 'steps', 'change'].map((name) => ({
      name,
      inputSchema: { type: 'object' as const },
    })),
  }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
    const text = (value: unknown) => ({ content: [{ type: 'text' as const, text: String(value) }] });
    switch (params.name) {
      case 'slow':
        events.emit('slow');
        await new Promise((resolve) => extra.signal.addEventListener('abort', resolve));
        events.emit('aborted', extra.signal.reason);
        return text('aborted');
      case 'ask': {
        const { content } = await server.createMessage({
          messages: [{ role: 'user', content: { type: 'text', text: 'who?' } }],
          maxTokens: 10,
        });
        return text((content as { text: string }).text);
      }
      case 'steps':
        for (const progress of [1, 2])
          await extra.sendNotification({
            method: 'notifications/progress',
            params: { progressToken: extra._meta?.progressToken ?? 0, progress },
          });
        return text('done');
      case 'change':
        await server.sendToolListChanged();
        return text('changed');
    }
    return text(params.arguments?.['text']);
  });
  return server;
}
