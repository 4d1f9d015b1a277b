import type { Cancellation } from '../../cancel.js';
import { type ClientTlsSettings, type ProxySettings, proxyName } from '../../config/index.js';
import {
  ClientCertRefused,
  ConnectionLost,
  messageOf,
  NoClientCert,
  ProxyAuthentication,
  type SallyError,
} from '../../errors.js';
import {
  headerLines,
  openSocketPool,
  type PooledReply,
  type SocketPool,
  writeRequest,
} from '../../http/index.js';
import { parseJson } from '../../json/index.js';
import type { Observer } from '../../telemetry/index.js';
import { type ConnectorOptions, createConnector, ownName } from '../../tls/connector.js';
import type { CredentialStore, Credentials, PeerRule } from '../../tls/index.js';
import { createProxiedConnector } from '../../tls/proxied.js';
import { plainText } from '../messages.js';
import { rpcErrorOf } from '../requests.js';
import type { Authorization, ClientContext } from './session.js';

/** Where a server is, and on which terms it is spoken to. */
export interface HttpTarget {
  /** Of what is behind a socket, it only fills the Host header. */
  readonly url: URL;
  /** A Unix domain socket in place of the URL's host. */
  readonly socketPath?: string | undefined;
  /** The proxy that connections leave through. */
  readonly proxy?: ProxySettings | undefined;
  /** The other end, as a sentence names it. */
  readonly peer: string;
  /** Credentials that end, in a header of each request. */
  readonly authorization?: Authorization | undefined;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly tls?: ClientTlsSettings | undefined;
  /** Who has to be there, for TLS. */
  readonly server?: PeerRule | undefined;
  readonly credentials: CredentialStore;
  readonly observer?: Observer | undefined;
  readonly maxConnections: number;
  /** A reply that takes longer is given up, whatever its request's own deadline, in milliseconds. */
  readonly longestMs: number;
  /** The same for what is under way over a connection that is retired. */
  readonly retiredMs: number;
  /** Whether HTTP+SSE is spoken: `only` it, or absent: where Streamable HTTP is refused. */
  readonly sse?: 'only' | 'never' | undefined;
  /** Redirects that are followed, one after the other. */
  readonly maxRedirects: number;
  /** One that has replied and closes connections for so long refuses our certificate; before, it has most likely stopped. */
  readonly refusedAfterMs: number;
}

/** The connections to one server. A reply that streams keeps one of its own; how many there are is bounded by the callers. */
export class HttpConnections {
  readonly #target: HttpTarget;
  readonly #context: ClientContext;
  readonly #configured: Readonly<Record<string, string>>;
  /** The proxy that requests are sent to, as http has it: through a tunnel nothing of it is seen here. */
  readonly #forwarder: ProxySettings | undefined;
  /** What a target begins with: nothing, or the origin, for a proxy. */
  readonly #base: string;
  #path: string;
  #opened: Promise<SocketPool> | undefined;
  #pool: SocketPool | undefined;
  /** Whether this server has ever replied to our certificate, and since when it has closed connections instead. */
  #replied = false;
  #closingSince: number | undefined;
  #credentials: Credentials | undefined;
  #closed = false;
  /** Whether the next request is to have a connection of its own. */
  #doubted = false;

  constructor(target: HttpTarget, context: ClientContext) {
    this.#target = target;
    this.#context = context;
    const { url, proxy } = target;
    this.#forwarder = proxy && url.protocol === 'http:' ? proxy : undefined;
    this.#base = this.#forwarder ? url.origin : '';
    const authorization = this.#forwarder?.authorization;
    this.#configured = {
      ...lowered(target.headers ?? {}),
      ...(authorization !== undefined && { 'proxy-authorization': authorization }),
    };
    this.#path = url.pathname + url.search;
  }

  /** Headers of every request of a session, on top of the configured ones. */
  headers(own: Readonly<Record<string, string>>): Record<string, string> {
    return { ...this.#configured, ...own };
  }

  /** Headers as `send` takes them: those that are the same each time are written once. Throws for what cannot be sent. */
  lines(headers: Readonly<Record<string, string>>): string {
    return headerLines(headers, (name) => {
      const detail = `the request cannot be sent: invalid header ${JSON.stringify(name)}`;
      return this.#context.errors.protocol(detail);
    });
  }

  /** Loads the credentials. Rejects where they are not valid; they may be so at the next attempt. */
  open(): Promise<SocketPool> {
    this.#opened ??= this.#connect();
    this.#opened.catch(() => {
      this.#opened = undefined;
    });
    return this.#opened;
  }

  /** The connections of now may be at their end: the next request goes over another one. */
  doubt(): void {
    this.#doubted = true;
  }

  /** Sends one request, to another path than that of the URL where `at` names one; one that is `repeatable` a second time where the connection closed over it. Rejects with what the connection rejects with. */
  async send(
    method: 'GET' | 'POST' | 'DELETE',
    lines: string,
    body: string | undefined,
    signal: Cancellation,
    repeatable = false,
    at?: string,
  ): Promise<PooledReply> {
    const pool = this.#pool ?? (await this.open());
    const { url, maxRedirects } = this.#target;
    let own = at;
    for (let redirects = 0; ; redirects += 1) {
      const path = this.#base + (own ?? this.#path);
      const message = writeRequest({ method, host: url.host, path, lines, body });
      const fresh = this.#doubted;
      this.#doubted = false;
      let reply: PooledReply;
      try {
        reply = await pool.send(message, signal, fresh);
      } catch (error) {
        const refusal = this.#refusal(error);
        if (refusal || !repeatable || !isClosed(error)) throw refusal ?? error;
        reply = await pool.send(message, signal, true).catch((again: unknown) => {
          throw this.#refusal(again) ?? again;
        });
      }
      this.#replied = true;
      this.#closingSince = undefined;
      const { status, headers } = reply.head;
      if (status === 407 && this.#forwarder) throw this.#notLetThrough(this.#forwarder);
      if ((status !== 307 && status !== 308) || redirects >= maxRedirects) return reply;
      const other = this.pathOf(headers.get('location'), own);
      if (other === undefined) return reply;
      if (own === undefined) this.#path = other;
      else own = other;
    }
  }

  /** The error for a reply with a status that is no answer. */
  failure(method: string, { head: { status, headers } }: PooledReply, text: string): SallyError {
    return this.#context.errors.status({
      method,
      status,
      text: this.said(text),
      challenge: challengeOf(headers),
    });
  }

  /** What was said with a status that is no answer. Of a request that a proxy forwards nobody knows who has refused it. */
  said(text: string): string {
    const proxy = this.#forwarder;
    return proxy ? `${text && `${pageText(text)} `}(through the proxy ${proxyName(proxy)})` : text;
  }

  #notLetThrough(proxy: ProxySettings): SallyError {
    const sent = proxy.authorization !== undefined;
    return ProxyAuthentication({ peer: this.#target.peer, proxy: proxyName(proxy), sent });
  }

  /** Those that are open. */
  get size(): number {
    return this.#pool?.size ?? 0;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#pool?.close();
    this.#credentials?.close();
  }

  async #connect(): Promise<SocketPool> {
    const { tls, credentials: store } = this.#target;
    const credentials = tls && (await store.open(tls, 'client'));
    this.#credentials = credentials;
    const pool = this.#newPool(credentials);
    if (this.#closed) {
      pool.close();
      credentials?.close();
    }
    this.#pool = pool;
    return pool;
  }

  #newPool(credentials: Credentials | undefined): SocketPool {
    const { url, tls, server, socketPath, proxy, observer, peer, credentials: store } = this.#target;
    const { maxConnections, longestMs, retiredMs, refusedAfterMs } = this.#target;
    const options: ConnectorOptions = {
      url,
      peer,
      ...(socketPath !== undefined && { socketPath }),
      ...(tls && credentials && { tls: { ...tls, ...(server && { server }), credentials } }),
      log: this.#context.log,
      observer,
      onRetire: (socket) => {
        // Over other credentials it has yet to reply, where time does not tell.
        if (refusedAfterMs === Number.POSITIVE_INFINITY) this.#replied = false;
        pool.retire((one) => one === socket);
      },
    };
    const absoluteForm = this.#forwarder !== undefined;
    const pool: SocketPool = openSocketPool({
      url,
      peer,
      maxConnections,
      maxReplyBytes: this.#context.limits.messageBytes,
      timeoutMs: longestMs,
      retiredMs,
      connector: proxy
        ? createProxiedConnector({ ...options, proxy, store, absoluteForm })
        : createConnector(options),
    });
    return pool;
  }

  /**
   * A server that wants another certificate closes the connection once it has seen ours: over TLS 1.3 that is after the
   * handshake is done here (RFC 8446 section 4.4.2.4).
   */
  #refusal(error: unknown): SallyError | undefined {
    const { tls, peer, refusedAfterMs } = this.#target;
    if (!tls) return undefined;
    const required = codeOf(error) === 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED';
    if (!required && !isClosed(error)) return undefined;
    this.#closingSince ??= Date.now();
    if (!required && this.#replied && Date.now() - this.#closingSince <= refusedAfterMs) return undefined;
    const own = this.#credentials?.current().certificate;
    if (!own || required) return NoClientCert({ peer, side: 'client' }, error);
    const detail = ConnectionLost.is(error) ? error.context.detail : messageOf(error);
    return ClientCertRefused({ peer, subject: ownName(own), detail }, error);
  }

  /** The path that the server names, where that is on the same origin: headers with secrets go nowhere else. */
  pathOf(location: string | undefined, from = this.#path): string | undefined {
    if (location === undefined) return undefined;
    const base = new URL(from, this.#target.url);
    const target = URL.canParse(location, base.href) ? new URL(location, base) : undefined;
    return target?.origin === this.#target.url.origin ? target.pathname + target.search : undefined;
  }
}

/** What sessions need of the connections to their server. */
export type HttpWay = Pick<HttpConnections, 'headers' | 'lines' | 'pathOf' | 'send' | 'failure'>;

const codeOf = (error: unknown) => String((error as NodeJS.ErrnoException).code ?? '');

/** Whether the server closed the connection over a request. */
export const isClosed = (error: unknown): boolean =>
  ConnectionLost.is(error) || ['ECONNRESET', 'EPIPE'].includes(codeOf(error));

/** Whether a status says that credentials are missing, or do not suffice: nothing was carried out. */
export const isRefused = (status: number): status is 401 | 403 => status === 401 || status === 403;

/** How a server that refuses says who may ask. */
export function challengeOf(headers: PooledReply['head']['headers']): string | undefined {
  const challenge = headers.get('www-authenticate') ?? '';
  return challenge === '' ? undefined : plainText(challenge);
}

/** What an error page says: the message of a JSON-RPC error, an `error` field that is a text, or the text itself. */
export function pageText(text: string): string {
  const { message } = rpcErrorOf(text) ?? {};
  return plainText(typeof message === 'string' ? message : (errorField(text) ?? text));
}

function errorField(text: string): string | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    const { error } = parseJson(text) as { error?: unknown };
    return typeof error === 'string' ? error : undefined;
  } catch {
    return undefined;
  }
}

function lowered(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
