import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { onTestFinished } from 'vitest';
import { createFastPath, type FastHandler } from '../../src/http/fast-path.js';
import { createHttpServer, type Reply } from '../../src/http/index.js';
import { silentLogger } from '../../src/log.js';
import { tcpServer } from './tcp.js';

/** Node's server: says which request it has read. */
export function nodeServer() {
  return createHttpServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('error', () => {});
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('latin1');
      const answer = JSON.stringify([request.method, request.url, request.headers['x-id'] ?? null, body]);
      response.writeHead(200, {
        'Content-Type': 'application/json',
        'Content-Length': Buffer.byteLength(answer),
      });
      response.end(answer);
    });
  }, silentLogger);
}

export async function listening(server: Server): Promise<number> {
  server.listen(0, 'localhost');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

export function say(reply: Reply, json: string): void {
  reply.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(json) });
  reply.end(json);
}

/** The same behind a fast path, which answers the same where it takes a request. */
export async function withFastPath(more: { handle?: FastHandler } = {}) {
  let fast = 0;
  const server = nodeServer();
  server.http.emit('listening');
  const fastPath = createFastPath({
    server,
    path: '/mcp',
    maxBodyBytes: { first: 1_000, later: 1_900 },
    log: silentLogger,
    lastReplyMs: 1_000,
    handle: async ({ headers, body }, reply) => {
      fast += 1;
      say(
        reply,
        JSON.stringify([
          'POST',
          '/mcp',
          headers['x-id'] ?? null,
          JSON.stringify((body as { json: unknown }).json),
        ]),
      );
    },
    ...more,
  });
  const port = await listening(tcpServer(fastPath.accept, { allowHalfOpen: true, noDelay: true }));
  onTestFinished(() => server.http.closeAllConnections());
  return { port, fastPath, count: () => fast };
}

/** A POST that the fast path takes. */
export const post = (body: string, ...lines: string[]) =>
  ['POST /mcp HTTP/1.1', 'Host: localhost', ...lines, `Content-Length: ${body.length}`, '', body].join(
    '\r\n',
  );
