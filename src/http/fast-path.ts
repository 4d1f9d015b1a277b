import type { Socket } from 'node:net';
import { messageOf } from '../errors.js';
import type { Logger } from '../log.js';
import { createWaiting } from '../wait.js';
import { endConnection, endMs, endResting, refuseUnread } from './end.js';
import { FastReply, ReplyHeads } from './fast-reply.js';
import { bodyOf, Pieces, type ReadBody } from './message.js';
import { type Reply, type RequestHead, sendJson } from './reply.js';
import { createHeadReader, type PlainHead } from './request-head.js';
import { graceMs, type HttpServer, unavailable } from './server.js';

/** A request that the fast path read to its end. */
export interface FastRequest extends RequestHead {
  readonly headers: PlainHead['headers'];
  readonly body: ReadBody;
}

/** Answers a request. */
export type FastHandler = (request: FastRequest, reply: Reply) => Promise<void>;

/** Stands before Node's HTTP server, on connections that may come in. */
export interface FastPath {
  readonly accept: (socket: Socket) => void;
  /** Whether a request of this connection is being answered, here or by the server behind. */
  readonly isAnswering: (socket: Socket) => boolean;
  /** Ends a connection, here or at the server behind: an idle one at once, another after the reply that is under way. */
  readonly retire: (socket: Socket) => void;
  /** As the server behind does, together with it. */
  drain(withinMs: number): Promise<void>;
}

interface FastPathOptions {
  /** Where everything goes that is not of the one shape. */
  readonly server: HttpServer;
  readonly path: string;
  /** Other paths whose requests are as those of `path`: asked once for each head that is not like the one before it. */
  readonly also?: ((path: string) => boolean) | undefined;
  /** What has more is Node's server's to read: by the first success on a connection, and after it. */
  readonly maxBodyBytes: { readonly first: number; readonly later: number };
  /** How deep the JSON of a body may be nested, where that is more than usual. */
  readonly maxBodyDepth?: number;
  /** What is under way on a connection that is retired may take this long. */
  readonly lastReplyMs: number;
  /** Told of a connection when the first of its requests succeeds. */
  readonly onKnown?: (socket: Socket) => void;
  readonly handle: FastHandler;
  readonly log: Logger;
}

/** As the limits of the server behind it, in milliseconds. */
const limits = { head: 8_000, body: 30_000, keepAlive: 75_000 } as const;
const sweepMs = 1_000;
const maxHeadBytes = 16_384;

/**
 * Reads the one request that makes up the traffic of a server off its connection, and answers it in one write. Node's
 * HTTP server costs several times as much for each. Whatever has another shape is handed to that server with every byte
 * of it unread, and so is the connection from then on: what is refused, and how, is decided in one place.
 */
export const createFastPath = (options: FastPathOptions): FastPath => new FastServer(options);

class FastServer implements FastPath {
  readonly options: FastPathOptions;
  readonly heads = new ReplyHeads(limits.keepAlive);
  readonly waiting = createWaiting();
  readonly connections = new Map<Socket, Connection>();
  draining = false;
  #over = false;
  #sweeper: NodeJS.Timeout | undefined;

  constructor(options: FastPathOptions) {
    this.options = options;
  }

  readonly accept = (socket: Socket): void => {
    if (this.#over) {
      socket.destroy();
      return;
    }
    this.connections.set(socket, new Connection(socket, this));
    this.#sweeper ??= setInterval(() => this.#sweep(), sweepMs).unref();
  };

  readonly isAnswering = (socket: Socket): boolean =>
    this.connections.get(socket)?.reply !== undefined || this.options.server.isAnswering(socket);

  readonly retire = (socket: Socket): void => {
    const { server, lastReplyMs } = this.options;
    const connection = this.connections.get(socket);
    if (connection) connection.retire(lastReplyMs);
    else server.retire(socket, lastReplyMs);
  };

  async drain(withinMs: number): Promise<void> {
    const { server } = this.options;
    this.draining = true;
    const until = performance.now() + withinMs;
    const left = () => Math.max(until - performance.now(), 0);
    const none = () => this.connections.size === 0;
    const drained = server.drain(withinMs);
    await this.waiting.until(none, Math.min(graceMs, withinMs));
    const refuseRest = () => {
      for (const connection of this.connections.values())
        if (connection.reply === undefined) connection.endUnread(unavailable);
    };
    if (withinMs > 0) refuseRest();
    await this.waiting.until(none, left());
    this.#over = true;
    if (withinMs > 0) refuseRest();
    for (const connection of this.connections.values()) connection.cut();
    clearInterval(this.#sweeper);
    await drained;
    // What was handed over meanwhile.
    await server.drain(left());
  }

  #sweep(): void {
    const now = performance.now();
    for (const connection of this.connections.values()) {
      if (connection.until >= now) continue;
      if (connection.reply) connection.cut();
      else connection.endUnread('408 Request Timeout');
    }
    if (this.connections.size > 0) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }
}

class Connection {
  readonly socket: Socket;
  readonly heads: ReplyHeads;
  /** The reply that is under way. */
  reply: FastReply | undefined;
  /** When what it is at has to be over. */
  until = performance.now() + limits.head;
  readonly #server: FastServer;
  /** What has come of the request that is being read, and of the next ones while one is being answered. */
  readonly #pieces = new Pieces();
  readonly #readHead: ReturnType<typeof createHeadReader>;
  #head: PlainHead | undefined;
  /** Where the body begins and ends. */
  #from = 0;
  #end = 0;
  /** Whether a request of it was answered with success. */
  #known = false;
  #retired = false;

  constructor(socket: Socket, server: FastServer) {
    this.socket = socket;
    this.heads = server.heads;
    this.#server = server;
    this.#readHead = createHeadReader(server.options);
    socket.on('data', this.#onData);
    socket.on('end', this.#onEndOfInput);
    for (const event of ['error', 'close']) socket.on(event, this.cut);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#pieces.add(chunk);
    // A request that comes before the reply to the one before waits: it is read after that.
    if (this.reply) this.socket.pause();
    else this.#read();
  };

  readonly #onEndOfInput = (): void => {
    // A client that says no more still gets the rest of a reply that is written, as from Node's server.
    if (this.reply?.ended) this.#retired = true;
    else this.cut();
  };

  /** Ends it at once: it is lost, or has taken too long. */
  readonly cut = (): void => {
    this.#leave();
    this.socket.on('error', () => this.socket.destroy());
    this.socket.destroy();
    this.reply?.gone();
  };

  #read(): void {
    const { options } = this.#server;
    if (this.#head === undefined) {
      const bytes = this.#pieces.whole();
      const at = bytes.indexOf('\r\n\r\n');
      const tooLong = at === -1 || at > maxHeadBytes;
      const head = tooLong ? undefined : this.#readHead(bytes.toString('latin1', 0, at));
      const most = this.#known ? options.maxBodyBytes.later : options.maxBodyBytes.first;
      if (head === undefined || head.contentLength > most) {
        this.#handOver();
        return;
      }
      this.#head = head;
      this.#from = at + 4;
      this.#end = this.#from + head.contentLength;
      this.until = performance.now() + limits.body;
    }
    if (this.#pieces.length >= this.#end) void this.#answer(this.#head);
  }

  async #answer({ headers, url }: PlainHead): Promise<void> {
    const { socket } = this;
    const { maxBodyDepth, handle, log } = this.#server.options;
    const body = bodyOf(this.#pieces.whole().toString('utf8', this.#from, this.#end), maxBodyDepth);
    if ('status' in body && body.error === undefined) {
      this.#handOver();
      return;
    }
    const reply = new FastReply(this);
    this.reply = reply;
    if (!this.#retired) this.until = Number.POSITIVE_INFINITY;
    try {
      await handle({ method: 'POST', url, headers, socket, body }, reply);
    } catch (error) {
      log.error({ error: messageOf(error) }, 'a request could not be answered');
      if (reply.headersSent) reply.destroy();
      else sendJson(reply, 500, { error: 'internal error' }, { Connection: 'close' });
    }
  }

  onHead(status: number): boolean {
    if (!this.#known && status < 300) {
      this.#known = true;
      this.#server.options.onKnown?.(this.socket);
    }
    return this.#server.draining || this.#retired;
  }

  onEnd(last: boolean): void {
    const { socket } = this;
    if (!this.#server.connections.has(socket)) return;
    if (last) {
      this.#endWhole();
      return;
    }
    this.#pieces.drop(this.#end);
    this.#head = undefined;
    this.reply = undefined;
    this.until = performance.now() + limits.keepAlive;
    if (socket.isPaused()) socket.resume();
    // Not within the reply before: as deep as there are requests at once.
    if (this.#pieces.length > 0) process.nextTick(() => this.#readOn());
    else if (this.#retired || this.#server.draining) this.#endWhole();
  }

  retire(lastReplyMs: number): void {
    this.#retired = true;
    // A stream has no end of its own to wait for.
    const lastMs = this.reply?.headersSent ? endMs : lastReplyMs;
    this.until = Math.min(this.until, performance.now() + lastMs);
    if (this.#pieces.length === 0) this.#endWhole();
  }

  /** Ends one that is not being answered; what has come of a request gets a reply. */
  endUnread(status: string): void {
    this.#leave();
    if (this.#pieces.length > 0) refuseUnread(this.socket, status);
    else endResting(this.socket);
  }

  #endWhole(): void {
    this.#leave();
    endConnection(this.socket);
  }

  #readOn(): void {
    if (this.#server.connections.has(this.socket) && this.reply === undefined) this.#read();
  }

  #handOver(): void {
    const { socket } = this;
    const { server, lastReplyMs } = this.#server.options;
    this.#leave();
    if (this.#retired) server.retire(socket, lastReplyMs);
    socket.pause();
    socket.unshift(this.#pieces.whole());
    server.http.emit('connection', socket);
    socket.resume();
  }

  #leave(): void {
    const { socket } = this;
    this.#server.connections.delete(socket);
    socket.off('data', this.#onData);
    socket.off('end', this.#onEndOfInput);
    for (const event of ['error', 'close']) socket.off(event, this.cut);
    this.#server.waiting.look();
  }
}
