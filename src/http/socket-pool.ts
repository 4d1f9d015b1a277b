import type { Socket } from 'node:net';
import type { buildConnector } from 'undici';
import type { Cancellation } from '../cancel.js';
import { ConnectionLost, type SallyError } from '../errors.js';
import {
  lookAfterMs,
  type Owner,
  over,
  PooledConnection,
  type PooledReply,
  type PooledRequest,
} from './pooled-connection.js';

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
  /** Connections that are open. */
  readonly size: number;
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
export const openSocketPool = (options: PoolOptions): SocketPool => new Pool(options);

class Pool implements SocketPool, Owner {
  readonly options: PoolOptions;
  readonly #target: buildConnector.Options;
  readonly #all = new Set<PooledConnection>();
  readonly #free: PooledConnection[] = [];
  readonly #waiting: PooledRequest[] = [];
  /** How long the server keeps a connection that rests, as was seen lately. */
  #seenMs = Number.POSITIVE_INFINITY;
  #seenUntil = 0;
  /** When the server last ended one without a reply, and whether that had rested before. */
  #brokeAt = Number.NEGATIVE_INFINITY;
  #brokeIdle = false;
  #opening = 0;
  /** How many carry something. */
  #busy = 0;
  #serving = false;
  #closed = false;
  #sweeper: NodeJS.Timeout | undefined;

  constructor(options: PoolOptions) {
    const { hostname, host, protocol, port } = options.url;
    this.options = options;
    // An IPv6 address has brackets in a URL alone.
    this.#target = { hostname: hostname.replace(/^\[|\]$/g, ''), host, protocol, port };
  }

  send(message: string | Buffer, life: Cancellation, fresh = false): Promise<PooledReply> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(this.#closedError());
      if (life.aborted) return reject(life.reason);
      const giveUp = () => this.#giveUp(exchange);
      const connection = undefined;
      fresh &&= this.#brokeIdle;
      const exchange: PooledRequest = {
        message,
        life,
        resolve,
        reject,
        giveUp,
        connection,
        fresh,
        cut: false,
      };
      life.addEventListener('abort', giveUp);
      this.#waiting.push(exchange);
      return this.#next();
    });
  }

  retire(which: (socket: Socket) => boolean = () => true): void {
    for (const connection of this.#all) if (which(connection.socket)) connection.retire();
  }

  get size(): number {
    return this.#all.size;
  }

  close(): void {
    this.#closed = true;
    for (const exchange of this.#waiting.splice(0)) {
      over(exchange);
      exchange.reject(this.#closedError());
    }
    for (const connection of this.#all) connection.drop(this.#closedError());
    clearInterval(this.#sweeper);
  }

  restMs(keepAliveMs: number | undefined): number {
    const ms = keepAliveMs ?? this.options.restMs ?? silentRestMs;
    const seen = keepAliveMs === undefined && this.#seenUntil > 0 && this.#seenUntil > performance.now();
    return seen ? Math.min(ms, this.#seenMs) : ms;
  }

  /** Connections keep no process alive: the sweeper does while one of them carries something. */
  carries(more: 1 | -1): void {
    this.#busy += more;
    if (this.#busy === 0) this.#sweeper?.unref();
    else if (this.#busy === 1 && more === 1) this.#sweeper?.ref();
  }

  free(connection: PooledConnection): void {
    this.#free.push(connection);
    this.#next();
  }

  gone(connection: PooledConnection): void {
    this.#all.delete(connection);
    const at = this.#free.indexOf(connection);
    if (at !== -1) this.#free.splice(at, 1);
    this.#next();
  }

  endedIdle(restedMs: number): void {
    const now = performance.now();
    const before = this.#seenUntil > now ? this.#seenMs : Number.POSITIVE_INFINITY;
    this.#seenMs = Math.min(before, Math.max(seenRest.leastMs, restedMs / 2));
    this.#seenUntil = now + seenRest.forMs;
  }

  broke(idle: boolean): void {
    this.#brokeAt = performance.now();
    this.#brokeIdle = idle;
  }

  unsent(exchange: PooledRequest): void {
    this.#waiting.unshift(exchange);
    this.#next();
  }

  #next(): void {
    // A connection that is let go of on the way says so, and would begin this anew.
    if (this.#serving) return;
    this.#serving = true;
    const { maxConnections } = this.options;
    const now = performance.now();
    try {
      for (let exchange = this.#waiting[0]; exchange; exchange = this.#waiting[0]) {
        const full = this.#all.size + this.#opening >= maxConnections;
        // The connection that was used last: those that are not needed grow old.
        let connection = exchange.fresh && !full ? undefined : this.#free.pop();
        while (connection && (connection.until <= now || !connection.socket.writable)) {
          connection.drop(undefined);
          connection = this.#free.pop();
        }
        if (connection === undefined && this.#all.size + this.#opening >= maxConnections) return;
        this.#waiting.shift();
        if (connection) connection.begin(exchange, now - this.#brokeAt < lookAfterMs);
        else this.#open(exchange);
      }
    } finally {
      this.#serving = false;
    }
  }

  #open(exchange: PooledRequest): void {
    this.#opening += 1;
    this.options.connector(this.#target, (error, socket) => {
      this.#opening -= 1;
      if (error !== null || this.#closed) {
        socket?.destroy();
        over(exchange);
        exchange.reject(error ?? this.#closedError());
        this.#next();
        return;
      }
      this.#sweeper ??= setInterval(() => this.#sweep(), sweepMs).unref();
      const connection = new PooledConnection(socket, this);
      this.#all.add(connection);
      if (exchange.life.aborted) connection.rest(sweepMs);
      else connection.begin(exchange, false);
    });
  }

  #sweep(): void {
    const at = performance.now();
    for (const connection of this.#all) if (connection.until <= at) connection.expire();
    if (this.#all.size > 0) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  #giveUp(exchange: PooledRequest): void {
    const { connection, life } = exchange;
    const at = this.#waiting.indexOf(exchange);
    if (at !== -1) this.#waiting.splice(at, 1);
    // The server learns from the end of the connection that nobody waits any more.
    if (connection?.exchange === exchange) {
      connection.drop(life.reason);
      return;
    }
    over(exchange);
    exchange.reject(life.reason);
  }

  #closedError(): SallyError {
    return ConnectionLost({ peer: this.options.peer, detail: 'it was closed' });
  }
}
