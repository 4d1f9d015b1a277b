import type { Cancellation } from '../../../cancel.js';
import type { UpstreamSettings } from '../../../config/index.js';
import {
  ClientCertRefused,
  ConnectionLost,
  messageOf,
  NoClientCert,
  type SallyError,
  UpstreamProtocol,
  UpstreamStatus,
} from '../../../errors.js';
import { headerLines, openSocketPool, type SocketPool, writeRequest } from '../../../http/index.js';
import { plainText, rpcErrorOf } from '../../../mcp/messages.js';
import { createConnector, ownName } from '../../../tls/connector.js';
import { anyPeer, type Credentials } from '../../../tls/index.js';
import type { UpstreamContext } from '../options.js';
import { bodyOf, type ReplyBody } from './body.js';

export type HttpSettings = Extract<UpstreamSettings, { transport: 'http' }>;

export interface HttpReply {
  readonly status: number;
  /** The content type, in lower case. */
  readonly type: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: ReplyBody;
}

/** Redirects that are followed, one after the other: Python servers give one from `/mcp` to `/mcp/` or back. */
const maxRedirects = 3;

/** The connections to one upstream. A reply that streams keeps one of its own; how many there are is bounded by the callers. */
export class Wire {
  readonly #settings: HttpSettings;
  readonly #context: UpstreamContext;
  readonly #configured: Readonly<Record<string, string>>;
  readonly #peer: string;
  #path: string;
  #opened: Promise<SocketPool> | undefined;
  #pool: SocketPool | undefined;
  /** Whether this upstream has ever replied to our certificate. */
  #replied = false;
  #credentials: Credentials | undefined;
  #closed = false;

  constructor(settings: HttpSettings, context: UpstreamContext) {
    this.#settings = settings;
    this.#context = context;
    this.#configured = lowered(settings.headers);
    this.#peer = `the upstream ${settings.url.origin}`;
    this.#path = settings.url.pathname + settings.url.search;
  }

  /** Headers of every request of a session, on top of the configured ones. */
  headers(own: Readonly<Record<string, string>>): Record<string, string> {
    return { ...this.#configured, ...own };
  }

  /** Headers as `send` takes them: those that are the same each time are written once. Throws for what cannot be sent. */
  lines(headers: Readonly<Record<string, string>>): string {
    return headerLines(headers, (name) => {
      const detail = `the request cannot be sent: invalid header ${JSON.stringify(name)}`;
      return UpstreamProtocol({ upstream: this.#context.upstream, detail });
    });
  }

  /** Sends one request; one that is `repeatable` a second time where the connection closed over it. Rejects with what the connection rejects with. */
  async send(
    method: 'GET' | 'POST' | 'DELETE',
    lines: string,
    body: string | undefined,
    signal: Cancellation,
    repeatable = false,
  ): Promise<HttpReply> {
    const pool = this.#pool ?? (await this.#open());
    const { host } = this.#settings.url;
    for (let redirects = 0; ; redirects += 1) {
      const message = writeRequest({ method, host, path: this.#path, lines, body });
      const reply = await pool.send(message, signal).catch((error) => {
        const refusal = this.#refusal(error);
        if (refusal || !repeatable || !isClosed(error)) throw refusal ?? error;
        return pool.send(message, signal, true);
      });
      this.#replied = true;
      const { status, contentType, headers } = reply.head;
      const moved = (status === 307 || status === 308) && redirects < maxRedirects;
      const path = moved ? this.#sameOrigin(headers.get('location')) : undefined;
      if (path === undefined) {
        return { status, type: contentType, headers, body: bodyOf(reply, this.#context) };
      }
      this.#path = path;
    }
  }

  /** The error for a reply with a status that is no answer. */
  failure(method: string, { status, headers }: HttpReply, text: string) {
    const { upstream } = this.#context;
    const challenge = challengeOf(headers);
    return UpstreamStatus({ upstream, method, status, text: pageText(text), challenge });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#pool?.close();
    this.#credentials?.close();
  }

  #open(): Promise<SocketPool> {
    this.#opened ??= this.#connect();
    // Files that were not valid may be so at the next attempt.
    this.#opened.catch(() => {
      this.#opened = undefined;
    });
    return this.#opened;
  }

  async #connect(): Promise<SocketPool> {
    const { tls } = this.#settings;
    const credentials = tls && (await this.#context.credentials.open(tls, 'client'));
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
    const { url, tls } = this.#settings;
    const { log, metrics, limits, timeoutMs } = this.#context;
    const peer = this.#peer;
    const pool: SocketPool = openSocketPool({
      url,
      peer,
      maxConnections: Number.POSITIVE_INFINITY,
      maxReplyBytes: limits.messageBytes,
      // Every wait has a deadline of its own, which progress starts anew.
      timeoutMs: Number.POSITIVE_INFINITY,
      retiredMs: timeoutMs,
      connector: createConnector({
        url,
        peer,
        ...(tls && credentials && { tls: { ...tls, server: { ...anyPeer, pins: tls.pins }, credentials } }),
        log,
        ...(metrics && { metrics }),
        onRetire: (socket) => {
          this.#replied = false;
          pool.retire((one) => one === socket);
        },
      }),
    });
    return pool;
  }

  /**
   * A server that wants another certificate closes the connection once it has seen ours: over TLS 1.3 that is after the
   * handshake is done here (RFC 8446 section 4.4.2.4).
   */
  #refusal(error: unknown): SallyError | undefined {
    if (!this.#settings.tls || this.#replied) return undefined;
    const required = codeOf(error) === 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED';
    if (!required && !isClosed(error)) return undefined;
    const peer = this.#peer;
    const own = this.#credentials?.current().certificate;
    if (!own || required) return NoClientCert({ peer, side: 'client' }, error);
    const detail = ConnectionLost.is(error) ? error.context.detail : messageOf(error);
    return ClientCertRefused({ peer, subject: ownName(own), detail }, error);
  }

  /** The path to go on with, where `location` is on the same origin: headers with secrets go nowhere else. */
  #sameOrigin(location: string | undefined): string | undefined {
    if (location === undefined) return undefined;
    const base = new URL(this.#path, this.#settings.url);
    const target = URL.canParse(location, base.href) ? new URL(location, base) : undefined;
    return target?.origin === this.#settings.url.origin ? target.pathname + target.search : undefined;
  }
}

const codeOf = (error: unknown) => String((error as NodeJS.ErrnoException).code ?? '');
const isClosed = (error: unknown) =>
  ConnectionLost.is(error) || ['ECONNRESET', 'EPIPE'].includes(codeOf(error));

export function challengeOf(headers: HttpReply['headers']): string | undefined {
  const challenge = headers.get('www-authenticate') ?? '';
  return challenge === '' ? undefined : plainText(challenge);
}

/** What an error page says: the message of a JSON-RPC error, or the text itself. */
export function pageText(text: string): string {
  const { message } = rpcErrorOf(text) ?? {};
  return plainText(typeof message === 'string' ? message : text);
}

function lowered(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
