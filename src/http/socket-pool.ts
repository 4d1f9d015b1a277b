import type { Socket } from 'node:net';
import type { buildConnector } from 'undici';
import { type Cancellation, onAbort } from '../cancel.js';
import { ConnectionLost, type SallyError } from '../errors.js';
import { framingHeaders, headerName, headerValue } from '../headers.js';
import { type Exchange, lookAfterMs, PooledConnection, type PooledReply } from './pooled-connection.js';

/**
 * Kept-alive connections to one server, each with one request at a time: several times the requests per second of a
 * general client, for requests that are written whole.
 */
export interface SocketPool {
  /**
   * Sends a request that was written whole, and reads the reply. Rejects with the reason of `life`, with what the
   * connection failed with, or with ConnectionLost, ConnectionTimeout, ReplyMalformed or ReplyTooLarge. `fresh` asks for a
   * connection of its own where the last loss was that of one that had rested: the others may be at their end, too.
   */
  send(message: string | Buffer, life: Cancellation, fresh?: boolean): Promise<PooledReply>;
  /** Uses no connection of now any more: idle ones are closed, others after the reply that is under way. */
  retire(which?: (socket: Socket) => boolean): void;
  close(): void;
}

interface PoolOptions {
  readonly url: URL;
  /** The other end, as a sentence names it. */
  readonly peer: string;
  readonly connector: buildConnector.connector;
  /** Connections at a time; further requests wait for a free one. */
  readonly maxConnections: number;
  /** The bytes of a reply that is read to its end. Streams are bounded by who reads them. */
  readonly maxReplyBytes: number;
  /** How long a connection rests where the server does not say, in milliseconds. Default: shorter than any known server keeps one. */
  readonly restMs?: number | undefined;
  /** A reply that takes longer is given up, in milliseconds, whatever the deadline of its call. */
  readonly timeoutMs: number;
  /** The same for what is under way over a connection that is retired. */
  readonly retiredMs: number;
}

/** gunicorn closes what rests for 2 s, uvicorn and Apache after 5 s; without a word, the first two. */
const silentRestMs = 1_500;
/**
 * Half of how long a server was seen to keep one is short enough, for so long. One that was restarted ends them early,
 * too: hence the least.
 */
const seenRest = { leastMs: 250, forMs: 600_000 } as const;

/** How often idle and hung connections are looked for, in milliseconds. */
const sweepMs = 1_000;

/** A pool that has no connections yet. */
export function openSocketPool(options: PoolOptions): SocketPool {
  const { url, peer, connector, maxConnections } = options;
  const all = new Set<PooledConnection>();
  const free: PooledConnection[] = [];
  const waiting: Exchange[] = [];
  /** How long the server keeps a connection that rests, as was seen lately. */
  let seenMs = Number.POSITIVE_INFINITY;
  let seenUntil = 0;
  /** When the server last ended one without a reply. */
  let brokeAt = Number.NEGATIVE_INFINITY;
  /** And whether that was one that had rested. */
  let brokeIdle = false;
  let opening = 0;
  let serving = false;
  let closed = false;
  let sweeper: NodeJS.Timeout | undefined;
  const target = {
    // An IPv6 address has brackets in a URL alone.
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    host: url.host,
    protocol: url.protocol,
    port: url.port,
  };
  const closedError = () => ConnectionLost({ peer, detail: 'it was closed' });

  const connectionOptions = {
    ...options,
    restMs(keepAliveMs: number | undefined) {
      const ms = keepAliveMs ?? options.restMs ?? silentRestMs;
      const seen = keepAliveMs === undefined && seenUntil > 0 && seenUntil > performance.now();
      return seen ? Math.min(ms, seenMs) : ms;
    },
    onIdleEnd: (restedMs: number) => {
      const now = performance.now();
      const before = seenUntil > now ? seenMs : Number.POSITIVE_INFINITY;
      seenMs = Math.min(before, Math.max(seenRest.leastMs, restedMs / 2));
      seenUntil = now + seenRest.forMs;
    },
    onBroken: (idle: boolean) => {
      brokeAt = performance.now();
      brokeIdle = idle;
    },
    onUnsent: (exchange: Exchange) => {
      waiting.unshift(exchange);
      next();
    },
    onFree: (connection: PooledConnection) => {
      free.push(connection);
      next();
    },
    onGone: (connection: PooledConnection) => {
      all.delete(connection);
      const at = free.indexOf(connection);
      if (at !== -1) free.splice(at, 1);
      next();
    },
  };

  const open = (exchange: Exchange) => {
    opening += 1;
    connector(target, (error, socket) => {
      opening -= 1;
      if (error !== null || closed) {
        socket?.destroy();
        exchange.over();
        exchange.reject(error ?? closedError());
        return next();
      }
      const connection = new PooledConnection(socket, connectionOptions);
      all.add(connection);
      sweeper ??= setInterval(sweep, sweepMs).unref();
      if (exchange.life.aborted) connection.rest(sweepMs);
      else connection.begin(exchange, false);
      return undefined;
    });
  };

  const next = () => {
    // A connection that is let go of on the way says so, and would begin this anew.
    if (serving) return;
    serving = true;
    const now = performance.now();
    try {
      while (waiting.length > 0) {
        const fresh = (waiting[0] as Exchange).fresh && all.size + opening < maxConnections;
        // The connection that was used last: those that are not needed grow old.
        let connection = fresh ? undefined : free.pop();
        while (connection && (connection.until <= now || !connection.socket.writable)) {
          connection.drop(undefined);
          connection = free.pop();
        }
        if (connection === undefined && all.size + opening >= maxConnections) return;
        const exchange = waiting.shift() as Exchange;
        if (connection) connection.begin(exchange, now - brokeAt < lookAfterMs);
        else open(exchange);
      }
    } finally {
      serving = false;
    }
  };

  const sweep = () => {
    const at = performance.now();
    for (const connection of all) if (connection.until <= at) connection.expire();
    if (all.size > 0) return;
    clearInterval(sweeper);
    sweeper = undefined;
  };

  const giveUp = (exchange: Exchange, reason: unknown) => {
    const at = waiting.indexOf(exchange);
    if (at !== -1) waiting.splice(at, 1);
    // The server learns from the end of the connection that nobody waits any more.
    if (exchange.connection?.carries(exchange)) return exchange.connection.drop(reason);
    exchange.over();
    exchange.reject(reason);
  };

  return {
    send(message, life, fresh = false) {
      return new Promise((resolve, reject) => {
        if (closed) return reject(closedError());
        if (life.aborted) return reject(life.reason);
        const over = onAbort(life, (reason) => giveUp(exchange, reason));
        const exchange: Exchange = {
          message,
          life,
          fresh: fresh && brokeIdle,
          resolve,
          reject,
          over,
        };
        waiting.push(exchange);
        return next();
      });
    },
    retire(which = () => true) {
      for (const connection of all) if (which(connection.socket)) connection.retire();
    },
    close() {
      closed = true;
      clearInterval(sweeper);
      for (const exchange of waiting.splice(0)) {
        exchange.over();
        exchange.reject(closedError());
      }
      for (const connection of all) connection.drop(closedError());
    },
  };
}

/** The lines of a request's head that say these headers. Throws what `refusal` makes of one that cannot be sent. */
export function headerLines(
  headers: Readonly<Record<string, string>>,
  refusal: (name: string) => SallyError,
): string {
  let lines = '';
  for (const name in headers) {
    const value = headers[name] as string;
    if (!headerName.test(name) || framingHeaders.has(name.toLowerCase()) || !headerValue.test(value)) {
      throw refusal(name);
    }
    lines += `${name}: ${value}\r\n`;
  }
  return lines;
}

interface Request {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly host: string;
  /** As a URL has it: everything but ASCII is escaped. */
  readonly path: string;
  /** What `headerLines` returned. */
  readonly lines: string;
  readonly body: string | undefined;
}

/** A whole request, as its bytes or the text that is them in UTF-8. */
export function writeRequest({ method, host, path, lines, body }: Request): string | Buffer {
  const length = body === undefined ? '' : `content-length: ${Buffer.byteLength(body)}\r\n`;
  const head = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\n${lines}${length}\r\n`;
  // RFC 9110 section 5.5: what is not ASCII in a header is a byte a character.
  if (/[\x80-\xff]/.test(lines)) return Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(body ?? '')]);
  return body === undefined ? head : head + body;
}
