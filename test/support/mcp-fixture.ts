import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer as createHttpServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, Server } from '@modelcontextprotocol/server';
import { onTestFinished } from 'vitest';
import { cert } from './certs.js';

/** What a fixture server saw. */
export interface Seen {
  readonly requests: { method: string; headers: IncomingMessage['headers']; body: string }[];
  /** Emits `slow` where the tool of that name begins, and `aborted` where it is given up. */
  readonly events: EventEmitter;
}

const object = { type: 'object' } as const;

/** An MCP server of the SDK, generation 2, with tools for what is awkward. */
function fixtureServer(seen: Pick<Seen, 'events'>): Server {
  const server = new Server(
    { name: 'fixture', version: '1.0.0' },
    { capabilities: { tools: { listChanged: true }, logging: {} }, instructions: 'for tests' },
  );
  const region = { type: 'string', 'x-mcp-header': 'Region' };
  const names = ['echo', 'slow', 'ask', 'steps', 'log'];
  server.setRequestHandler('tools/list', () => ({
    tools: names.map((name) => ({ name, inputSchema: { ...object, properties: { region } } })),
  }));
  server.setRequestHandler('tools/call', async ({ params }, context) => {
    const { mcpReq } = context;
    const args = params.arguments ?? {};
    switch (params.name) {
      case 'slow':
        seen.events.emit('slow');
        await new Promise((resolve) => mcpReq.signal.addEventListener('abort', resolve));
        seen.events.emit('aborted');
        return { content: [] };
      case 'ask': {
        const { action } = await mcpReq.elicitInput({
          mode: 'form',
          message: String(args['message']),
          requestedSchema: { type: 'object', properties: {} },
        });
        return { content: [{ type: 'text', text: action }] };
      }
      case 'steps': {
        const progressToken = mcpReq._meta?.progressToken ?? 0;
        for (const progress of [1, 2]) {
          await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress } });
        }
        break;
      }
      case 'log':
        await mcpReq.notify({
          method: 'notifications/message',
          params: { level: 'info', data: args['data'] },
        });
        break;
    }
    return { content: [{ type: 'text', text: String(args['text'] ?? '') }] };
  });
  return server;
}

/** Where a fixture is served; over TLS with the fixture certificates, or with those, and client certificates of `ca`. */
export interface Serving {
  readonly tls?: boolean | { readonly cert: string; readonly key: string; readonly ca: string };
  readonly port?: number;
}

/** Serves `listener` on a free port, over TLS with client certificates where asked for; closed when the test ends. */
export async function serve(
  listener: (
    request: IncomingMessage & { text: string },
    response: Parameters<RequestListener>[1],
  ) => unknown,
  options: Serving = {},
) {
  const seen: Seen = { requests: [], events: new EventEmitter() };
  const handle: RequestListener = async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    seen.requests.push({ method: request.method ?? '', headers: request.headers, body: text });
    await listener(Object.assign(request, { text }), response);
  };
  const fixtures = {
    cert: await readFile(cert('server.crt')),
    key: await readFile(cert('server.key')),
    ca: await readFile(cert('ca.crt')),
  };
  const tls = options.tls && {
    ...(options.tls === true ? fixtures : options.tls),
    requestCert: true,
    rejectUnauthorized: true,
  };
  const server = tls ? createHttpsServer(tls, handle) : createHttpServer(handle);
  server.listen(options.port ?? 0, 'localhost');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const stop = async () => {
    server.closeAllConnections();
    if (!server.listening) return;
    server.close();
    await once(server, 'close');
  };
  onTestFinished(stop);
  return { url: `${tls ? 'https' : 'http'}://localhost:${port}/mcp`, port, seen, server, stop };
}

/** The fixture for 2026-07-28 alone. */
export async function serveModern(options: Serving = {}) {
  const events = new EventEmitter();
  const handler = createMcpHandler(() => fixtureServer({ events }), { legacy: 'reject' });
  onTestFinished(() => handler.close());
  const node = toNodeHandler(handler);
  const served = await serve(
    (request, response) =>
      node(request as Parameters<typeof node>[0], response, JSON.parse(request.text || 'null')),
    options,
  );
  return { ...served, events, notify: handler.notify };
}

/** The fixture with sessions, for revisions up to 2025-11-25. */
export async function serveSessions(options: Serving & { json?: boolean } = {}) {
  const events = new EventEmitter();
  const sessions = new Map<string, { transport: NodeStreamableHTTPServerTransport; server: Server }>();
  const served = await serve(async (request, response) => {
    const id = request.headers['mcp-session-id'];
    const body = request.text === '' ? undefined : JSON.parse(request.text);
    let session = typeof id === 'string' ? sessions.get(id) : undefined;
    if (!session) {
      if (id !== undefined) return response.writeHead(404).end('Session not found');
      const transport = new NodeStreamableHTTPServerTransport({
        sessionIdGenerator: () => randomUUID(),
        enableJsonResponse: options.json ?? false,
        onsessioninitialized: (own) => {
          if (session) sessions.set(own, session);
        },
        onsessionclosed: (own) => {
          sessions.delete(own);
        },
      });
      const server = fixtureServer({ events });
      session = { transport, server };
      await server.connect(transport);
    }
    return session.transport.handleRequest(request, response, body);
  }, options);
  return { ...served, events, sessions };
}
