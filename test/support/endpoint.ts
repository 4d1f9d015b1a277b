import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import type { GatewayLimits } from '../../src/config/index.js';
import { GatewayStopping } from '../../src/errors.js';
import { publicError } from '../../src/gateway/router/index.js';
import { createHostGuard, createHttpServer, type Reply } from '../../src/http/index.js';
import type { Logger } from '../../src/log.js';
import { createEndpoint, type Endpoint } from '../../src/mcp/endpoint.js';
import type { Admitted, Identity, Refused } from '../../src/mcp/router.js';
import { ownSessions, type SessionStore } from '../../src/sessions/index.js';
import { createAccessLog } from '../../src/telemetry/index.js';
import { type FixtureRouter, fixtureRouter } from './fixture-router.js';
import { tcpClient } from './tcp.js';

export const roomyLimits: GatewayLimits = {
  bodyBytes: 1_000_000,
  concurrentCalls: 10_000,
  concurrentCallsPerUser: 10_000,
  sessions: 10_000,
  sessionsPerUser: 10_000,
  sessionIdleMs: 600_000,
  upstreamQueue: 100,
};

export interface RunningEndpoint extends Pick<Endpoint, 'open' | 'drain'> {
  readonly url: string;
  readonly port: number;
  readonly router: FixtureRouter;
  readonly log: readonly {
    readonly level: string;
    readonly msg: string;
    readonly [field: string]: unknown;
  }[];
  /** The next line of the log for which `matches` holds, or one already there. */
  logged(matches: (line: Record<string, unknown>) => boolean): Promise<Record<string, unknown>>;
  /** A POST of JSON as it is given, with the headers that a client of the legacy era sends. */
  post(body: unknown, headers?: Record<string, string>): Promise<Response>;
  /** Opens a session by hand, and answers its id. */
  openSession(user?: string): Promise<string>;
}

interface Options {
  readonly limits?: Partial<GatewayLimits>;
  readonly pulseMs?: number;
  readonly streamAfterMs?: number;
  readonly now?: () => number;
  readonly sessions?: SessionStore;
  readonly allowedHosts?: readonly string[];
  readonly allowedOrigins?: readonly string[];
  readonly replyHeaders?: NonNullable<Admitted['replyHeaders']>;
  /** Waited for before a client is let in. */
  readonly admitting?: (response: Reply) => Promise<void>;
}

/** The endpoint on a free port, before the fixture server. `X-User` says who sends a request; `nobody` is turned away. */
export async function startEndpoint(options: Options = {}): Promise<RunningEndpoint> {
  const router = fixtureRouter();
  const log: RunningEndpoint['log'][number][] = [];
  const watchers = new Set<() => void>();
  const writer = (level: string) => (fields: object, msg: string) => {
    log.push({ ...fields, level, msg });
    for (const watcher of [...watchers]) watcher();
  };
  const logger: Logger = {
    debug: writer('debug'),
    info: writer('info'),
    warn: writer('warn'),
    error: writer('error'),
  };
  const endpoint = createEndpoint({
    router,
    sessions: options.sessions ?? ownSessions,
    stopping: () => GatewayStopping({}),
    authentication: {
      async authenticate(request, response): Promise<Admitted | Refused> {
        await options.admitting?.(response);
        const user = request.headers['x-user'];
        if (user === 'nobody') {
          return {
            kind: 'refused',
            status: 401,
            headers: { 'WWW-Authenticate': 'Bearer' },
            body: { error: 'who are you?' },
          };
        }
        const identity: Identity =
          user === undefined
            ? { user: null, tenant: null, method: 'none' }
            : { user: String(user), tenant: 'acme', method: 'bearer' };
        return {
          kind: 'admitted',
          identity,
          headers: {},
          requestId: () => 'r-1',
          context: () => undefined,
          ...(options.replyHeaders && { replyHeaders: options.replyHeaders }),
        };
      },
    },
    limits: { ...roomyLimits, ...options.limits },
    log: logger,
    observer: createAccessLog(logger),
    publicError: (error, request) => publicError(error, request, { failures: 'brief', log: logger }),
    serverInfo: { name: 'sallyport', version: '9.9.9' },
    guard: createHostGuard({
      host: '127.0.0.1',
      allowedHosts: options.allowedHosts ?? [],
      allowedOrigins: options.allowedOrigins ?? [],
      trusted: false,
    }),
    ...(options.now && { now: options.now }),
    ...(options.pulseMs !== undefined && { pulseMs: options.pulseMs }),
    ...(options.streamAfterMs !== undefined && { streamAfterMs: options.streamAfterMs }),
  });
  const server = createHttpServer(endpoint.handle, logger);
  server.http.listen(0, '127.0.0.1');
  await once(server.http, 'listening');
  const { port } = server.http.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/mcp`;
  onTestFinished(async () => {
    await endpoint.drain(0);
    await server.drain(0);
    server.http.close();
  });
  const post: RunningEndpoint['post'] = (body, headers = {}) =>
    fetch(url, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream',
        ...headers,
      },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  return {
    open: endpoint.open,
    drain: endpoint.drain,
    url,
    port,
    router,
    log,
    logged: (matches) =>
      new Promise((resolve) => {
        const watcher = () => {
          const line = log.find(matches);
          if (line === undefined) return;
          watchers.delete(watcher);
          resolve(line);
        };
        watchers.add(watcher);
        watcher();
      }),
    post,
    async openSession(user) {
      const reply = await post(initialize(), user === undefined ? {} : { 'X-User': user });
      await reply.arrayBuffer();
      const id = reply.headers.get('mcp-session-id');
      if (id === null) throw new Error(`no session: ${reply.status}`);
      return id;
    },
  };
}

/** `initialize` of a client that can be asked for samples. */
export function initialize(revision = '2025-11-25'): object {
  return {
    jsonrpc: '2.0',
    id: 'init',
    method: 'initialize',
    params: {
      protocolVersion: revision,
      capabilities: { sampling: {} },
      clientInfo: { name: 'by-hand', version: '0.1.0' },
    },
  };
}

/** `tools/call` as both eras have it, but for the envelope. */
export function callTool(
  name: string,
  args: object = {},
  meta: object = {},
  id: number | string = 1,
): object {
  return {
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params: { name, arguments: args, ...(Object.keys(meta).length > 0 && { _meta: meta }) },
  };
}

/** A raw connection that has sent a request and reads nothing. */
export async function rawRequest(port: number, head: string): Promise<Socket> {
  const socket = tcpClient({ port, host: '127.0.0.1' });
  await once(socket, 'connect');
  socket.pause();
  socket.write(head);
  onTestFinished(() => void socket.destroy());
  return socket;
}
