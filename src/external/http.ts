import type { Client } from '@modelcontextprotocol/client';
import { Pool } from 'undici';
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
import type { Logger } from '../log.js';
import { type Credentials, createConnector, openCredentials, ownName } from '../tls/index.js';
import { toolNames } from '../wire/index.js';
import type { Connection } from './connection.js';
import { fetchOver } from './fetch.js';

interface HttpDeps {
  readonly log: Logger;
  /** A call without a reply is given up after this. */
  readonly timeoutMs: number;
}

/** Connections to one plugin server at a time; further calls wait for a free one. */
const maxConnections = 64;

/**
 * Opens the way to a plugin server over HTTP or HTTPS. Nothing is sent yet, but the credentials are loaded: what is
 * wrong with them is an error now. The MCP session is opened by the first call, and again after it was lost.
 */
export async function openHttpConnection(settings: McpSettings, deps: HttpDeps): Promise<Connection> {
  const { url, tls } = settings;
  const peer = `the plugin server ${url.origin}`;
  const credentials = tls && (await openCredentials(tls, 'client', { log: deps.log }));
  const link = openLink(settings, peer, credentials, deps);
  let session: Promise<Client> | undefined;

  const attempt = async (
    tool: string,
    args: Record<string, unknown>,
    signal: AbortSignal,
  ): Promise<string[]> => {
    session ??= openSession(url, link.fetch);
    const opening = session;
    try {
      const client = await withSignal(opening, signal);
      const options = { signal, timeout: deps.timeoutMs + 1_000 };
      return textItems(await client.callTool({ name: tool, arguments: args }, options), peer, tool);
    } catch (thrown) {
      if (
        session === opening &&
        !signal.aborted &&
        !findSallyError(thrown)?.code.startsWith('SALLY_WIRE_REPLY')
      ) {
        session = undefined;
        void opening.then((client) => client.close()).catch(() => {});
      }
      throw thrown;
    }
  };

  return {
    peer,
    async call(tool, args, signal) {
      try {
        return await attempt(tool, args, signal);
      } catch (first) {
        // A server that was restarted knows neither the kept-alive connection nor the session: once more, anew.
        if (signal.aborted || !link.isStale(first)) throw link.explain(first, tool, signal);
      }
      try {
        return await attempt(tool, args, signal);
      } catch (second) {
        throw link.explain(second, tool, signal);
      }
    },
    async close() {
      const opening = session;
      session = undefined;
      await opening?.then((client) => client.close()).catch(() => {});
      await link.close();
    },
  };
}

/** The pool of connections, and what its errors mean. */
function openLink(settings: McpSettings, peer: string, credentials: Credentials | undefined, deps: HttpDeps) {
  const { url, tls } = settings;
  /** Whether a reply has come since the newest connection was made: a close before that is a refusal. */
  let answered = true;
  const pool = new Pool(url.origin, {
    connections: maxConnections,
    connect: createConnector({
      url,
      peer,
      ...(tls && credentials && { tls: { ...tls, credentials } }),
      log: deps.log,
      onConnect: () => {
        answered = false;
      },
    }),
    keepAliveTimeout: 30_000,
    headersTimeout: deps.timeoutMs + 2_000,
    bodyTimeout: deps.timeoutMs + 2_000,
  });
  const fetch = fetchOver(pool, peer);
  const closed = (error: unknown) => codes(error).some((code) => closedCodes.has(code));
  return {
    fetch: async (input: string | URL, init?: RequestInit) => {
      const response = await fetch(input, init);
      answered = true;
      return response;
    },
    isStale: (error: unknown) => (closed(error) && answered) || isSessionLost(error),
    close: () => pool.destroy(),
    explain(error: unknown, tool: string, signal: AbortSignal): SallyError {
      const known = findSallyError(error) ?? findSallyError(signal.reason);
      if (known) return known;
      const detail = messageOf(deepest(error));
      if (signal.aborted) return CallCancelled({ plugin: peer, hook: tool });
      if (codes(error).some((code) => timeoutCodes.has(code))) {
        return ConnectionTimeout({ peer, seconds: deps.timeoutMs / 1000 }, error);
      }
      if (codes(error).includes('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED')) {
        return NoClientCert({ peer, side: 'client' }, error);
      }
      if (closed(error) && tls && !answered) {
        const own = credentials?.current().certificate;
        return own
          ? ClientCertRefused({ peer, subject: ownName(own), detail }, error)
          : NoClientCert({ peer, side: 'client' }, error);
      }
      if (closed(error)) return ConnectionLost({ peer, detail }, error);
      const status = httpStatus(error);
      if (status !== undefined) {
        return HttpStatusUnexpected({ peer, path: url.pathname, status, text: bodyText(error) }, error);
      }
      return ReplyInvalid({ peer, tool, reason: detail }, error);
    },
  };
}

const closedCodes = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE', 'UND_ERR_CLOSED', 'UND_ERR_DESTROYED']);
const timeoutCodes = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'REQUEST_TIMEOUT']);

/** The SDK is loaded by the first call: it takes longer than everything else that a start does. */
async function openSession(
  url: URL,
  fetch: (input: string | URL, init?: RequestInit) => Promise<Response>,
): Promise<Client> {
  const { Client, StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client');
  const client = new Client(
    { name: 'sallyport', version: '0.1.0' },
    { versionNegotiation: { mode: 'auto' } },
  );
  await client.connect(new StreamableHTTPClientTransport(url, { fetch }));
  return client;
}

function textItems(result: { content?: readonly { type: string }[] }, peer: string, tool: string): string[] {
  const items = (result.content ?? []).filter(
    (one): one is { type: 'text'; text: string } => one.type === 'text',
  );
  // A server without plugins has nothing to list.
  if (items.length === 0 && tool !== toolNames.pluginConfigs)
    throw ReplyInvalid({ peer, tool, reason: 'no text item' });
  return items.map((item) => item.text);
}

/** Waits for `promise` or for the signal, whichever is first. */
function withSignal<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

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

/** What an error page says: its `error` field where it is JSON, else the text itself. */
function bodyText(error: unknown): string {
  const data = [...causes(error)].map((one) => (one as { data?: { text?: unknown } }).data?.text);
  const text = String(data.find((one) => typeof one === 'string') ?? '');
  try {
    const page = JSON.parse(text) as { error?: unknown; code?: unknown };
    if (typeof page.error === 'string') return page.error;
  } catch {
    // Not JSON: shown as it is.
  }
  return text.replaceAll(/\s+/g, ' ').slice(0, 200);
}

/** 404 for a session that is gone; servers of the older generation answer 400 in plain text. */
function isSessionLost(error: unknown): boolean {
  const status = httpStatus(error);
  return status === 404 || (status === 400 && /session/i.test(`${bodyText(error)} ${messageOf(error)}`));
}
