import { ServerStopping } from '../errors.js';
import {
  type FastRequest,
  type Handler,
  type HostGuard,
  type ReadBody,
  type RefusedBody,
  type Reply,
  type RequestHead,
  readJson,
  refusedBy,
  retryAfter,
  sendJson,
} from '../http/index.js';
import { carriedDepth, holdsNumbers } from '../json/index.js';
import { createPages, type MetricsSource, pathOf } from '../listener/index.js';
import type { ToolDeps } from '../wire/index.js';
import { tryLane } from './lane.js';
import type { McpHandler } from './mcp.js';
import { sdkMessage, withIds } from './sdk-message.js';

/** A payload has at most 1,000,000 bytes; its context and the envelope come on top. */
export const maxBodyBytes = 4_000_000;
/** The first revision without sessions: `Mcp-Session-Id` is ignored from here on. */
const statelessRevision = '2026-07-28';

export interface EndpointOptions extends ToolDeps {
  readonly version: string;
  readonly guard: HostGuard;
  /** Whether the server is about to stop. */
  readonly stopping: () => boolean;
  /** `/metrics`, where it is on this port. */
  readonly metrics: MetricsSource | undefined;
}

/** All that the main port answers to: `/mcp` and `/health`, and without TLS `/metrics`. */
export interface Endpoint {
  readonly handle: Handler;
  /** A POST to `/mcp` whose body was read already. */
  readonly answer: (request: FastRequest, reply: Reply) => Promise<void>;
}

/** Answers the same to a request whichever of the two reads it. */
export function createEndpoint(options: EndpointOptions): Endpoint {
  /** The SDK is loaded by the first request for it: that takes longer than everything else that a start does. */
  let sdk: Promise<McpHandler> | undefined;
  const mcp = () => {
    sdk ??= import('./mcp.js').then((room) => room.createMcpNodeHandler(options, maxBodyBytes));
    return sdk;
  };
  /** Whether the request was refused before anything of its body counts. */
  const refused = (request: RequestHead, reply: Reply): boolean => {
    if (refusedBy(options.guard, request, reply)) return true;
    if (request.headers['mcp-session-id'] === undefined) return false;
    if (String(request.headers['mcp-protocol-version'] ?? '') >= statelessRevision) return false;
    // Not 404, which sends its client to initialise here.
    if (options.stopping()) {
      refuseStopping(reply);
      return true;
    }
    // This server gives out no sessions: the id is of another one, and its client must initialise again.
    const error = { code: -32001, message: 'Session not found' };
    sendJson(reply, 404, { jsonrpc: '2.0', error, id: null });
    return true;
  };
  const post = async (request: RequestHead, body: ReadBody, reply: Reply) => {
    if (options.stopping()) return refuseStopping(reply);
    if ('status' in body) return refuseBody(reply, body);
    const { json } = body;
    if (await tryLane(request, json, reply, options)) return;
    const handle = await mcp();
    if (!holdsNumbers(json)) return handle(request, reply, json);
    await handle(request, withIds(reply), sdkMessage(json));
  };
  const pages = createPages({ ...options, elsewhere: ': MCP is at /mcp' });
  const handle: Handler = async (request, response) => {
    const path = pathOf(request);
    if (path !== '/mcp' && path !== '/mcp/') return pages(request, response);
    if (refused(request, response)) return;
    if (request.method !== 'POST') return (await mcp())(request, response, undefined);
    await post(request, await readJson(request, response, maxBodyBytes, carriedDepth), response);
  };
  return {
    handle,
    answer: async (request, reply) => {
      if (!refused(request, reply)) await post(request, request.body, reply);
    },
  };
}

function refuseStopping(reply: Reply): void {
  const { code, message } = ServerStopping({});
  const error = { code: -32_000, message, data: { code } };
  const headers = { 'Retry-After': retryAfter, Connection: 'close' };
  sendJson(reply, 503, { jsonrpc: '2.0', error, id: null }, headers);
}

function refuseBody(response: Reply, { status, error: reason }: RefusedBody): void {
  const error = reason
    ? {
        code: reason.jsonRpcCode,
        message: reason.message,
        data: { code: reason.code, remedy: reason.remedy },
      }
    : status === 413
      ? { code: -32600, message: `Request body exceeds ${maxBodyBytes} bytes` }
      : { code: -32700, message: 'Parse error: the body is not JSON' };
  // What is left of a body that is too large is not read: the connection ends with the reply.
  sendJson(
    response,
    status,
    { jsonrpc: '2.0', error, id: null },
    status === 413 ? { Connection: 'close' } : {},
  );
}
