import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import type { Exchange, Message, Recording } from './recordings.js';

/** What makes two requests the same one, but for ids. */
function key(body: Message | undefined): string {
  const { arguments: args, name } = body?.params ?? {};
  return JSON.stringify([body?.method, name, args?.['name'], args?.['hook_type'], args?.['payload']]);
}

/**
 * A server that answers as the recorded one did: the same status, headers and bytes, only with the id of the request
 * at hand. What it was never asked, and what comes without its session, it refuses as the Python servers do.
 */
export async function startRecordedServer({ exchanges }: Recording): Promise<string> {
  const known = new Map<string, Exchange>();
  for (const exchange of exchanges) known.set(key(exchange.request.body), exchange);
  const server = createServer((request, response) => void answer(known, request, response));
  server.listen(0, 'localhost');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://localhost:${(server.address() as AddressInfo).port}/mcp`;
}

async function answer(
  known: ReadonlyMap<string, Exchange>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method !== 'POST') {
    response.writeHead(405).end();
    return;
  }
  const body = (await json(request)) as Message;
  const exchange = known.get(key(body));
  const needsSession = exchange?.request.headers['mcp-session-id'] !== undefined;
  if (exchange === undefined || (needsSession && request.headers['mcp-session-id'] === undefined)) {
    response.writeHead(400, { 'content-type': 'text/plain' }).end('Bad Request: Missing session ID');
    return;
  }
  const { status, headers, body: recorded } = exchange.response;
  const id = JSON.stringify(exchange.request.body?.id);
  const own = recorded.replaceAll(`"id":${id}`, `"id":${JSON.stringify(body.id)}`);
  response.writeHead(status, headers).end(own);
}
