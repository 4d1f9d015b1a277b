import type { Socket } from 'node:net';
import type { buildConnector } from 'undici';
import { ConnectionLost, ConnectionTimeout } from '../errors.js';
import type { CallScope } from '../plugin/scope.js';
import { maxReplyBytes } from './fetch.js';
import { type ReplyHead, ReplyParser } from './reply-parser.js';

/** A reply whose body was read to its end, or as far as somebody wanted it. */
export interface PostReply extends ReplyHead {
  readonly text: string;
}

/** Sees the text of an event stream as it comes; true where that is enough. */
export type OnEvents = (text: string) => boolean;

/** Kept-alive connections to one server, each with one request at a time. */
export interface SocketPool {
  /** Sends a request that was written whole, and reads the reply. */
  post(message: string, scope: CallScope, onEvents: OnEvents): Promise<PostReply>;
  /** Uses no connection of now any more: idle ones are closed, others after the reply that is under way. */
  retire(which?: (socket: Socket) => boolean): void;
  close(): void;
}

interface PoolOptions {
  readonly url: URL;
  readonly peer: string;
  readonly connector: buildConnector.connector;
  /** Connections at a time; further requests wait for a free one. */
  readonly maxConnections: number;
  /** A reply that takes longer is given up, in milliseconds, whatever the deadline of its call. */
  readonly timeoutMs: number;
}

/** How often idle and hung connections are looked for, in milliseconds. */
const sweepMs = 1_000;
/** How long the end of an event stream is waited for after its answer, in milliseconds. */
const streamEndMs = 1_000;

/** What waits for a connection, or has one. */
interface Exchange {
  readonly message: string;
  readonly scope: CallScope;
  readonly onEvents: OnEvents;
  readonly resolve: (reply: PostReply) => void;
  readonly reject: (error: unknown) => void;
  connection?: Connection;
}

interface Connection {
  readonly socket: Socket;
  exchange: Exchange | undefined;
  parser: ReplyParser | undefined;
  chunks: Buffer[];
  streamed: InstanceType<typeof TextDecoder> | undefined;
  /** When the state that it is in has to end. */
  until: number;
  retired: boolean;
}

/** A pool that has no connections yet. */
export function openSocketPool(options: PoolOptions): SocketPool {
  const { url, peer, connector, maxConnections, timeoutMs } = options;
  const all = new Set<Connection>();
  const free: Connection[] = [];
  const waiting: Exchange[] = [];
  let opening = 0;
  let closed = false;
  let sweeper: NodeJS.Timeout | undefined;
  const target = {
    hostname: url.hostname,
    host: url.host,
    protocol: url.protocol,
    port: url.port,
  };

  const lost = (detail: string) => ConnectionLost({ peer, detail });

  /** A connection whose exchange cannot go on, or that nobody uses. */
  const drop = (connection: Connection, error: unknown) => {
    all.delete(connection);
    const at = free.indexOf(connection);
    if (at !== -1) free.splice(at, 1);
    connection.retired = true;
    connection.socket.destroy();
    const { exchange } = connection;
    connection.exchange = undefined;
    exchange?.reject(error);
    next();
  };

  const begin = (connection: Connection, exchange: Exchange) => {
    exchange.connection = connection;
    connection.exchange = exchange;
    connection.chunks = [];
    connection.streamed = undefined;
    connection.parser = new ReplyParser({
      peer,
      limit: maxReplyBytes,
      onBody: (bytes) => onBody(connection, bytes),
    });
    connection.until = now() + timeoutMs;
    connection.socket.ref();
    connection.socket.write(exchange.message);
  };

  const onBody = (connection: Connection, bytes: Buffer) => {
    const { parser, exchange } = connection;
    if (exchange === undefined) return;
    if (!parser?.head?.contentType.startsWith('text/event-stream')) {
      connection.chunks.push(bytes);
      return;
    }
    connection.streamed ??= new TextDecoder();
    if (!exchange.onEvents(connection.streamed.decode(bytes, { stream: true }))) return;
    // The connection is free again when the stream has ended, as it does right after its answer.
    connection.exchange = undefined;
    connection.until = now() + streamEndMs;
    exchange.resolve({ ...parser.head, text: '' });
  };

  const onData = (connection: Connection, chunk: Buffer) => {
    const { parser } = connection;
    if (parser === undefined) return drop(connection, lost('it said something that nobody had asked for'));
    try {
      parser.feed(chunk);
    } catch (error) {
      return drop(connection, error);
    }
    if (parser.done) finish(connection, parser);
    return undefined;
  };

  const finish = (connection: Connection, parser: ReplyParser) => {
    const { exchange, chunks } = connection;
    connection.exchange = undefined;
    connection.parser = undefined;
    connection.chunks = [];
    const head = parser.head as ReplyHead;
    if (head.keepAliveMs === 0 || parser.excess || connection.retired) drop(connection, undefined);
    else {
      connection.until = now() + head.keepAliveMs;
      // A connection that nobody uses keeps no process alive.
      connection.socket.unref();
      free.push(connection);
    }
    const [first, second] = chunks;
    const body = second === undefined ? first : Buffer.concat(chunks);
    exchange?.resolve({ ...head, text: body?.toString('utf8') ?? '' });
    next();
  };

  const onEnd = (connection: Connection, error: Error | undefined) => {
    if (!all.has(connection)) return;
    const { parser } = connection;
    if (error === undefined && parser?.end()) finish(connection, parser);
    else drop(connection, error ?? lost('it closed the connection before its reply'));
  };

  const add = (socket: Socket): Connection => {
    const connection: Connection = {
      socket,
      exchange: undefined,
      parser: undefined,
      chunks: [],
      streamed: undefined,
      until: 0,
      retired: false,
    };
    all.add(connection);
    socket.on('data', (chunk: Buffer) => onData(connection, chunk));
    socket.on('error', (error) => onEnd(connection, error));
    socket.on('end', () => onEnd(connection, undefined));
    socket.on('close', () => onEnd(connection, undefined));
    sweeper ??= setInterval(sweep, sweepMs).unref();
    return connection;
  };

  const open = (exchange: Exchange) => {
    opening += 1;
    connector(target, (error, socket) => {
      opening -= 1;
      if (error !== null || closed) {
        socket?.destroy();
        exchange.reject(error ?? lost('it was closed'));
        next();
        return;
      }
      const connection = add(socket);
      if (exchange.scope.aborted) {
        connection.until = now() + sweepMs;
        free.push(connection);
        next();
      } else begin(connection, exchange);
    });
  };

  const next = () => {
    while (waiting.length > 0) {
      const connection = takeFree();
      if (connection === undefined && all.size + opening >= maxConnections) return;
      const exchange = waiting.shift() as Exchange;
      if (connection) begin(connection, exchange);
      else open(exchange);
    }
  };

  /** The connection that was used last: those that are not needed grow old. */
  const takeFree = (): Connection | undefined => {
    for (let connection = free.pop(); connection; connection = free.pop()) {
      if (connection.until > now() && connection.socket.writable) return connection;
      drop(connection, undefined);
    }
    return undefined;
  };

  const sweep = () => {
    const at = now();
    for (const connection of all) {
      if (connection.until > at) continue;
      const hung = connection.exchange !== undefined;
      drop(connection, hung ? ConnectionTimeout({ peer, seconds: timeoutMs / 1000 }) : undefined);
    }
    if (all.size > 0) return;
    clearInterval(sweeper);
    sweeper = undefined;
  };

  const giveUp = (exchange: Exchange, reason: unknown) => {
    const at = waiting.indexOf(exchange);
    if (at !== -1) waiting.splice(at, 1);
    exchange.reject(reason);
    // The server learns from the end of the connection that nobody waits any more.
    if (exchange.connection?.exchange === exchange) drop(exchange.connection, reason);
  };

  return {
    post(message, scope, onEvents) {
      return new Promise((resolve, reject) => {
        if (closed) return reject(lost('it was closed'));
        if (scope.aborted) return reject(scope.reason);
        const unheard = scope.onAbort((reason) => giveUp(exchange, reason));
        const exchange: Exchange = {
          message,
          scope,
          onEvents,
          resolve: (reply) => {
            unheard();
            resolve(reply);
          },
          reject: (error) => {
            unheard();
            reject(error);
          },
        };
        waiting.push(exchange);
        return next();
      });
    },
    retire(which = () => true) {
      for (const connection of all) {
        if (!which(connection.socket)) continue;
        connection.retired = true;
        if (connection.parser === undefined) drop(connection, undefined);
      }
    },
    close() {
      closed = true;
      clearInterval(sweeper);
      for (const exchange of waiting.splice(0)) exchange.reject(lost('it was closed'));
      for (const connection of all) drop(connection, lost('it was closed'));
    },
  };
}

const now = () => performance.now();
