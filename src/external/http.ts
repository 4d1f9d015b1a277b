import type { Transport } from '@modelcontextprotocol/client';
import type { Cancellation } from '../cancel.js';
import type { McpSettings } from '../config/index.js';
import {
  CallCancelled,
  ClientCertRefused,
  ConnectionLost,
  ConnectionTimeout,
  findSallyError,
  HttpStatusUnexpected,
  messageOf,
  NoClientCert,
  ReplyInvalid,
  type SallyError,
} from '../errors.js';
import { openSocketPool, type SocketPool } from '../http/index.js';
import { createConnector, ownName } from '../tls/connector.js';
import { type Credentials, pluginRule } from '../tls/index.js';
import type { Connection, ConnectionDeps } from './connection.js';
import { fetchOver, maxReplyBytes } from './fetch.js';
import { openLane, pageText } from './lane.js';
import { openSession } from './session.js';

type HttpSettings = Extract<McpSettings, { transport: 'http' | 'uds' }>;

/** Connections to one plugin server at a time; further calls wait for a free one. */
const maxConnections = 64;

/**
 * Opens the way to a plugin server over HTTPS, HTTP or HTTP over a Unix domain socket. Nothing is sent yet, but the
 * credentials are loaded: what is wrong with them is an error now.
 */
export async function openHttpConnection(settings: HttpSettings, deps: ConnectionDeps): Promise<Connection> {
  const peer = `the plugin server ${settings.transport === 'uds' ? settings.socketPath : settings.url.origin}`;
  const tls = settings.transport === 'http' ? settings.tls : undefined;
  const credentials = tls && (await deps.credentials.open(tls, 'client'));
  const link = openLink(settings, peer, credentials, deps);
  const transport = async (): Promise<Transport> => {
    const { StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client');
    return new StreamableHTTPClientTransport(settings.url, { fetch: link.fetch });
  };
  const session = openSession({
    peer,
    transport,
    era: 'auto',
    timeoutMs: deps.timeoutMs,
    onStray: () => link.pool.retire(),
    lane: (facts) => openLane({ url: settings.url, peer, pool: link.pool }, facts),
  });
  return {
    peer,
    async call(tool, args, scope) {
      try {
        return await session.call(tool, args, scope);
      } catch (first) {
        // A server that was restarted knows neither the kept-alive connection nor the session: once more, anew.
        if (scope.aborted || !link.isStale(first)) throw link.explain(first, tool, scope);
        link.doubt();
      }
      try {
        return await session.call(tool, args, scope);
      } catch (second) {
        throw link.explain(second, tool, scope);
      }
    },
    async close() {
      await session.close();
      link.close();
      credentials?.close();
    },
  };
}

/** The pool of connections, and what its errors mean. */
function openLink(
  settings: HttpSettings,
  peer: string,
  credentials: Credentials | undefined,
  deps: ConnectionDeps,
) {
  const { url } = settings;
  const tls = settings.transport === 'http' ? settings.tls : undefined;
  /** Whether this server has ever replied to these credentials, and since when it has closed connections instead. */
  let replied = false;
  let closingSince: number | undefined;
  /** Requests that are to have a connection of their own; what follows them takes the one that was used last. */
  let doubts = 0;
  const longestMs = deps.timeoutMs + 2_000;
  const server = tls && { identity: pluginRule(deps.plugin, tls.identity), pins: tls.pins };
  const sockets: SocketPool = openSocketPool({
    url,
    peer,
    connector: createConnector({
      url,
      ...(settings.transport === 'uds' && { socketPath: settings.socketPath }),
      peer,
      ...(tls && server && credentials && { tls: { ...tls, server, credentials } }),
      log: deps.log,
      ...(deps.metrics && { metrics: deps.metrics }),
      onRetire: (socket) => sockets.retire((one) => one === socket),
    }),
    maxConnections,
    maxReplyBytes,
    timeoutMs: longestMs,
    retiredMs: longestMs,
  });
  const closed = (error: unknown) =>
    ConnectionLost.is(findSallyError(error)) || codes(error).some((code) => closedCodes.has(code));
  const hasReplied = () => {
    replied = true;
    closingSince = undefined;
  };
  const pool: SocketPool = {
    ...sockets,
    async send(message, life) {
      const fresh = doubts > 0;
      if (fresh) doubts -= 1;
      const reply = await sockets.send(message, life, fresh);
      hasReplied();
      return reply;
    },
  };
  return {
    pool,
    fetch: fetchOver(pool, peer),
    doubt: () => {
      doubts += 1;
    },
    isStale: (error: unknown) => (closed(error) && replied) || isSessionLost(error) || isStopping(error),
    close: () => sockets.close(),
    explain(error: unknown, tool: string, scope: Cancellation): SallyError {
      const known = findSallyError(error) ?? findSallyError(scope.reason);
      if (known && !ConnectionLost.is(known)) return known;
      const detail = ConnectionLost.is(known) ? known.context.detail : messageOf(deepest(error));
      if (scope.aborted) return CallCancelled({ plugin: peer, hook: tool });
      if (codes(error).some((code) => timeoutCodes.has(code))) {
        return ConnectionTimeout({ peer, seconds: deps.timeoutMs / 1000 }, error);
      }
      if (codes(error).includes('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED')) {
        return NoClientCert({ peer, side: 'client' }, error);
      }
      if (closed(error)) {
        closingSince ??= Date.now();
        // One that has replied has most likely stopped; one that goes on closing new connections refuses us.
        const refused = !replied || Date.now() - closingSince > refusalAfterMs;
        if (!tls || !refused) return ConnectionLost({ peer, detail }, error);
        const own = credentials?.current().certificate;
        return own
          ? ClientCertRefused({ peer, subject: ownName(own), detail }, error)
          : NoClientCert({ peer, side: 'client' }, error);
      }
      const status = httpStatus(error);
      if (status !== undefined) {
        return HttpStatusUnexpected({ peer, path: url.pathname, status, text: bodyText(error) }, error);
      }
      return ReplyInvalid({ peer, tool, reason: detail }, error);
    },
  };
}

/** How long a server may close connections before that is taken for a refusal, in milliseconds. */
const refusalAfterMs = 2_000;

const closedCodes = new Set(['ECONNRESET', 'EPIPE']);
/** The SDK's own, for its requests. */
const timeoutCodes = new Set(['REQUEST_TIMEOUT']);

function* causes(error: unknown): Generator<Error> {
  let current = error;
  for (let depth = 0; depth < 8 && current instanceof Error; depth += 1) {
    yield current;
    current = current.cause;
  }
}

function codes(error: unknown): string[] {
  return [...causes(error)].map((one) => String((one as { code?: unknown }).code ?? ''));
}

function deepest(error: unknown): unknown {
  return [...causes(error)].at(-1) ?? error;
}

function httpStatus(error: unknown): number | undefined {
  for (const one of causes(error)) {
    const { status } = one as { status?: unknown };
    if (typeof status === 'number') return status;
  }
  return undefined;
}

function bodyText(error: unknown): string {
  const data = [...causes(error)].map((one) => (one as { data?: { text?: unknown } }).data?.text);
  return pageText(String(data.find((one) => typeof one === 'string') ?? ''));
}

/** 503 is what a server says that is about to stop: it has not looked at the call, and the next one may take it. */
function isStopping(error: unknown): boolean {
  const known = findSallyError(error);
  return (HttpStatusUnexpected.is(known) ? known.context.status : httpStatus(error)) === 503;
}

/** 404 for a session that is gone; servers of the older generation answer 400 in plain text. */
function isSessionLost(error: unknown): boolean {
  const known = findSallyError(error);
  if (HttpStatusUnexpected.is(known)) {
    return (
      known.context.status === 404 || (known.context.status === 400 && /session/i.test(known.context.text))
    );
  }
  const status = httpStatus(error);
  return status === 404 || (status === 400 && /session/i.test(`${bodyText(error)} ${messageOf(error)}`));
}
