import type { IncomingMessage } from 'node:http';
import { type Cancellation, CancelSource } from '../../cancel.js';
import { GatewayStopping } from '../../errors.js';
import {
  type FastRequest,
  type HostGuard,
  type RefusedBody,
  type Reply,
  readJson,
} from '../../http/index.js';
import { headerNames } from '../../mcp/headers.js';
import { readMessage } from '../../mcp/messages.js';
import { isModern } from '../../mcp/revisions.js';
import type { Door } from '../auth/door.js';
import { errorAnswer } from '../router/index.js';
import { type Exchange, type LegDeps, refuse, refuseWith } from './exchange.js';
import { passOn, sessionHolder } from './pass-on.js';
import { HttpReply } from './reply.js';
import { serveMessage } from './serve.js';
import { serveDelete, serveGet } from './streams.js';

const methodNotAllowed = (allow: string) => ({
  status: 405,
  error: { code: -32600, message: `Method not allowed: ${allow} only` },
});

/** Answers one request, whose body is read already where the fast path did. */
export type McpHandler = (request: IncomingMessage | FastRequest, response: Reply) => Promise<void>;

/** The MCP endpoint, for clients of both eras. */
export function createEndpoint(entrance: Door, guard: HostGuard, deps: LegDeps): McpHandler {
  return async (request, response) => {
    const started = deps.now();
    const method = request.method ?? '';
    const rebound = guard(request);
    if (rebound) {
      const early = { reply: new HttpReply(response, deps), started };
      return refuse(
        early,
        method,
        { status: rebound[0], error: { code: -32600, message: rebound[1] } },
        deps,
      );
    }
    const admitted = await entrance.admit(request, response, lifeOf(response));
    if (admitted.kind === 'refused') {
      const { status, headers, body } = admitted;
      new HttpReply(response, deps).json(status, `${JSON.stringify(body)}\n`, headers);
      return deps.access.other({ method, status }, started);
    }
    // Of one that the fast path has read its success says as much.
    if (!('body' in request) && admitted.identity.method !== 'none') deps.onKnown(request.socket);
    // Nothing says so any more: what were begun now would never end.
    if (response.destroyed) return deps.access.other({ method, identity: admitted.identity }, started);
    const reply = new HttpReply(response, deps, admitted);
    const { headers } = request;
    const remote = request.socket.remoteAddress;
    const exchange: Exchange = { headers, remote, response, admitted, reply, started };
    if (method === 'POST') return servePost(request, exchange, deps);
    const ofModern = isModern(String(request.headers[headerNames.protocolVersion] ?? ''));
    if (method !== 'GET' && method !== 'DELETE') {
      return refuse(exchange, method, methodNotAllowed('GET, POST, DELETE'), deps, {
        headers: { Allow: 'GET, POST, DELETE' },
      });
    }
    if (ofModern) {
      return refuse(exchange, method, methodNotAllowed('POST'), deps, { headers: { Allow: 'POST' } });
    }
    const holder = sessionHolder(exchange, deps);
    if (method === 'DELETE') {
      if (holder !== undefined && (await passOn(holder, { kind: 'delete' }, exchange, deps))) return;
      return serveDelete(exchange, deps);
    }
    if (deps.stopping()) return refuseWith(exchange, method, GatewayStopping({}), deps);
    if (!accepts(request.headers.accept, 'text/event-stream')) {
      return refuse(exchange, method, notAcceptable('text/event-stream'), deps);
    }
    if (holder !== undefined && (await passOn(holder, { kind: 'get' }, exchange, deps))) return;
    return serveGet(exchange, deps);
  };
}

async function servePost(
  request: IncomingMessage | FastRequest,
  exchange: Exchange,
  deps: LegDeps,
): Promise<void> {
  const { accept } = request.headers;
  if (!isJson(request)) {
    const error = { code: -32600, message: 'Unsupported Media Type: send application/json' };
    return refuse(exchange, 'POST', { status: 415, error }, deps);
  }
  if (!accepts(accept, 'application/json') || !accepts(accept, 'text/event-stream')) {
    return refuse(exchange, 'POST', notAcceptable('application/json and text/event-stream'), deps);
  }
  const body =
    'body' in request ? request.body : await readJson(request, exchange.response, deps.limits.bodyBytes);
  if ('status' in body) return refuseBody(exchange, body, deps);
  const message = readMessage(body.json);
  if (message.kind === 'invalid') {
    const error = { code: -32600, message: `Invalid Request: ${message.reason}` };
    return refuse(exchange, 'POST', { status: 400, error }, deps, { id: message.id });
  }
  return serveMessage(message, exchange, deps);
}

function refuseBody(exchange: Exchange, { status, error: reason }: RefusedBody, deps: LegDeps): void {
  const tooLarge = { code: -32600, message: `Request body exceeds ${deps.limits.bodyBytes} bytes` };
  const noJson = { code: -32700, message: 'Parse error: the body is not JSON' };
  const known = status === 413 ? tooLarge : noJson;
  const error = reason ? errorAnswer(reason).error : known;
  // What is left of a body that is too large is not read: the connection ends with the reply.
  const headers = status === 413 ? { headers: { Connection: 'close' } } : {};
  refuse(exchange, 'POST', { status, error }, deps, headers);
}

const notAcceptable = (wanted: string) => ({
  status: 406,
  error: { code: -32600, message: `Not Acceptable: accept ${wanted}` },
});

function isJson({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  const type = headers['content-type'] ?? '';
  return type === 'application/json' || /^application\/json\s*(;|$)/i.test(type);
}

function accepts(accept: string | undefined, type: string): boolean {
  if (accept === undefined) return false;
  if (accept.includes(type)) return true;
  const ranges = accept.split(',').map((range) => range.split(';')[0]?.trim().toLowerCase());
  return ranges.includes(type) || ranges.includes('*/*') || ranges.includes(`${type.split('/')[0]}/*`);
}

/** Ends when the client goes before its reply is out. */
function lifeOf(response: Reply): Cancellation {
  const scope = new CancelSource();
  response.once('close', () => {
    if (!response.writableFinished) scope.abort(undefined);
  });
  return scope;
}
