import type { Readable } from 'node:stream';
import { type Dispatcher, Pool } from 'undici';
import type { UpstreamSettings } from '../../../config/index.js';
import {
  ClientCertRefused,
  messageOf,
  NoClientCert,
  type SallyError,
  UpstreamReplyTooLarge,
  UpstreamStatus,
} from '../../../errors.js';
import { createConnector, ownName } from '../../../tls/connector.js';
import { anyPeer, type Credentials } from '../../../tls/index.js';
import { plainText, rpcErrorOf } from '../message.js';
import type { UpstreamContext } from '../options.js';
import type { Abort } from '../wait.js';

export type HttpSettings = Extract<UpstreamSettings, { transport: 'http' }>;

export interface HttpReply {
  readonly status: number;
  readonly type: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Dispatcher.ResponseData['body'];
}

/** Redirects that are followed, one after the other: Python servers give one from `/mcp` to `/mcp/` or back. */
const maxRedirects = 3;
/** A server without a hint of its own may close a connection that rests 5 s (uvicorn): ours rest shorter than that. */
const restMs = 4_000;

/** The connections to one upstream. A reply that streams keeps one of its own; how many there are is bounded by the callers. */
export class Wire {
  readonly #settings: HttpSettings;
  readonly #context: UpstreamContext;
  readonly #configured: Readonly<Record<string, string>>;
  readonly #peer: string;
  #path: string;
  #opened: Promise<Pool> | undefined;
  #pool: Pool | undefined;
  readonly #closing = new Set<Pool>();
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

  /** Sends one request; one that is `repeatable` a second time where the connection closed over it. Rejects with what the connection rejects with. */
  async send(
    method: 'GET' | 'POST' | 'DELETE',
    headers: Record<string, string>,
    body: string | null,
    signal: AbortSignal | Abort,
    repeatable = false,
  ): Promise<HttpReply> {
    const pool = this.#pool ?? (await this.#open());
    for (let redirects = 0; ; redirects += 1) {
      const request = () => pool.request({ path: this.#path, method, headers, body, signal });
      const reply = await request().catch((error) => {
        const refusal = this.#refusal(error);
        if (refusal || !repeatable || !isClosed(error)) throw refusal ?? error;
        return request();
      });
      this.#replied = true;
      const status = reply.statusCode;
      const moved = (status === 307 || status === 308) && redirects < maxRedirects;
      const path = moved ? this.#sameOrigin(reply.headers['location']) : undefined;
      if (path === undefined) {
        const type = String(reply.headers['content-type'] ?? '');
        return { status, type, headers: reply.headers, body: reply.body };
      }
      await reply.body.dump();
      this.#path = path;
    }
  }

  /** Reads a body to its end. */
  text(body: Readable): Promise<string> {
    const { upstream, limits } = this.#context;
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      body.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes <= limits.messageBytes) chunks.push(chunk);
        else body.destroy(UpstreamReplyTooLarge({ upstream, limit: limits.messageBytes }));
      });
      body.once('end', () => {
        const whole = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
        resolve(whole?.toString('utf8') ?? '');
      });
      body.once('error', reject);
    });
  }

  /** The error for a reply with a status that is no answer. */
  failure(method: string, { status, headers }: HttpReply, text: string) {
    const { upstream } = this.#context;
    const challenge = challengeOf(headers);
    return UpstreamStatus({ upstream, method, status, text: pageText(text), challenge });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const pools = this.#pool ? [this.#pool, ...this.#closing] : [...this.#closing];
    await Promise.all(pools.map((pool) => pool.destroy()));
    this.#credentials?.close();
  }

  #open(): Promise<Pool> {
    this.#opened ??= this.#connect();
    // Files that were not valid may be so at the next attempt.
    this.#opened.catch(() => {
      this.#opened = undefined;
    });
    return this.#opened;
  }

  async #connect(): Promise<Pool> {
    const { tls } = this.#settings;
    const credentials = tls && (await this.#context.credentials.open(tls, 'client'));
    this.#credentials = credentials;
    const pool = this.#newPool(credentials);
    if (this.#closed) {
      await pool.destroy();
      credentials?.close();
    }
    this.#pool = pool;
    return pool;
  }

  #newPool(credentials: Credentials | undefined): Pool {
    const { url, tls } = this.#settings;
    const { log, metrics } = this.#context;
    const pool: Pool = new Pool(url.origin, {
      // Every wait has a deadline of its own, which progress starts anew.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: restMs,
      connect: createConnector({
        url,
        peer: this.#peer,
        ...(tls && credentials && { tls: { ...tls, server: { ...anyPeer, pins: tls.pins }, credentials } }),
        log,
        ...(metrics && { metrics }),
        onRetire: () => this.#replace(pool, credentials),
      }),
    });
    return pool;
  }

  /** New requests take new connections; those of the old pool end after what they carry, streams after the time of a request. */
  #replace(old: Pool, credentials: Credentials | undefined): void {
    if (old !== this.#pool || this.#closed) return;
    this.#replied = false;
    this.#pool = this.#newPool(credentials);
    this.#closing.add(old);
    const late = setTimeout(() => void old.destroy(), this.#context.timeoutMs).unref();
    void old.close().finally(() => {
      clearTimeout(late);
      this.#closing.delete(old);
    });
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
    return ClientCertRefused({ peer, subject: ownName(own), detail: messageOf(error) }, error);
  }

  /** The path to go on with, where `location` is on the same origin: headers with secrets go nowhere else. */
  #sameOrigin(location: string | string[] | undefined): string | undefined {
    if (typeof location !== 'string') return undefined;
    const base = new URL(this.#path, this.#settings.url);
    const target = URL.canParse(location, base.href) ? new URL(location, base) : undefined;
    return target?.origin === this.#settings.url.origin ? target.pathname + target.search : undefined;
  }
}

const codeOf = (error: unknown) => String((error as NodeJS.ErrnoException).code ?? '');
const isClosed = (error: unknown) => ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'].includes(codeOf(error));

/** What plugins may not set: headers of the connection, of the body, and of the protocol. */
const reserved =
  /^(host|connection|content-.*|accept|transfer-encoding|te|trailer|upgrade|keep-alive|expect|last-event-id|mcp-.*)$/;

/** Adds what plugins added. */
export function addHeaders(
  headers: Record<string, string>,
  added: Readonly<Record<string, string>> | undefined,
): Record<string, string> {
  for (const [name, value] of Object.entries(added ?? {})) {
    const lower = name.toLowerCase();
    if (!reserved.test(lower)) headers[lower] = value;
  }
  return headers;
}

export function challengeOf(headers: HttpReply['headers']): string | undefined {
  const challenge = [headers['www-authenticate'] ?? []].flat().join(', ');
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
