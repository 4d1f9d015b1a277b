import type { Socket } from 'node:net';
import { messageOf } from '../errors.js';
import type { Logger } from '../log.js';
import { createWaiting } from '../wait.js';
import { endConnection, endMs, endResting, refuseUnread } from './end.js';
import { FastReply, headEnds } from './fast-reply.js';
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
  accept(socket: Socket): void;
  /** Whether a request of this connection is being answered, here or by the server behind. */
  isAnswering(socket: Socket): boolean;
  /** Ends a connection, here or at the server behind: an idle one at once, another after the reply that is under way. */
  retire(socket: Socket): void;
  /** As the server behind does, together with it. */
  drain(withinMs: number): Promise<void>;
}

interface FastPathOptions {
  /** Where everything goes that is not of the one shape. */
  readonly server: HttpServer;
  readonly path: string;
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

interface Connection {
  readonly socket: Socket;
  readonly onData: (chunk: Buffer) => void;
  readonly onGone: () => void;
  readonly onEnd: () => void;
  /** What has come of the request that is being read, and of the next ones while one is being answered. */
  readonly pieces: Pieces;
  readonly readHead: ReturnType<typeof createHeadReader>;
  head: (PlainHead & { readonly end: number }) | undefined;
  /** The reply that is under way. */
  reply: FastReply | undefined;
  /** Whether a request of it was answered with success. */
  known: boolean;
  /** When what it is at has to be over. */
  until: number;
  retired: boolean;
}

/**
 * Reads the one request that makes up the traffic of a server off its connection, and answers it in one write. Node's
 * HTTP server costs several times as much for each. Whatever has another shape is handed to that server with every byte
 * of it unread, and so is the connection from then on: what is refused, and how, is decided in one place.
 */
export function createFastPath(options: FastPathOptions): FastPath {
  const { server, path, maxBodyBytes, lastReplyMs, handle, log } = options;
  const connections = new Map<Socket, Connection>();
  const headEnd = headEnds(limits.keepAlive);
  const requestLine = `POST ${path} HTTP/1.1`;
  const waiting = createWaiting();
  let draining = false;
  let over = false;
  let sweeper: NodeJS.Timeout | undefined;

  const leave = (connection: Connection) => {
    const { socket } = connection;
    connections.delete(socket);
    socket.off('data', connection.onData);
    socket.off('error', connection.onGone);
    socket.off('end', connection.onEnd);
    socket.off('close', connection.onGone);
    waiting.look();
  };

  const end = (connection: Connection) => {
    leave(connection);
    endConnection(connection.socket);
  };

  /** Ends a connection that is not being answered; what has come of a request gets a reply. */
  const endUnread = (connection: Connection, status: string) => {
    leave(connection);
    if (connection.pieces.length > 0) refuseUnread(connection.socket, status);
    else endResting(connection.socket);
  };

  const handOver = (connection: Connection) => {
    const { socket, pieces } = connection;
    leave(connection);
    if (connection.retired) server.retire(socket, lastReplyMs);
    socket.pause();
    socket.unshift(pieces.whole());
    server.http.emit('connection', socket);
    socket.resume();
  };

  const read = (connection: Connection): void => {
    if (connection.head === undefined) {
      const bytes = connection.pieces.whole();
      const at = bytes.indexOf('\r\n\r\n');
      if (at === -1 || at > maxHeadBytes) {
        handOver(connection);
        return;
      }
      const head = connection.readHead(bytes.toString('latin1', 0, at));
      const most = connection.known ? maxBodyBytes.later : maxBodyBytes.first;
      if (head === undefined || head.contentLength > most) {
        handOver(connection);
        return;
      }
      connection.head = { ...head, end: at + 4 };
      connection.until = performance.now() + limits.body;
    }
    if (connection.pieces.length < connection.head.end + connection.head.contentLength) return;
    void answer(connection, connection.head);
  };

  const answer = async (
    connection: Connection,
    { headers, end: from, contentLength }: Connection['head'] & object,
  ) => {
    const body = bodyOf(
      connection.pieces.whole().toString('utf8', from, from + contentLength),
      options.maxBodyDepth,
    );
    if ('status' in body && body.error === undefined) {
      handOver(connection);
      return;
    }
    const { socket } = connection;
    const reply = new FastReply({
      socket,
      onHead: (status) => {
        if (!connection.known && status < 300) {
          connection.known = true;
          options.onKnown?.(socket);
        }
        return draining || connection.retired;
      },
      onEnd: (last) => {
        if (!connections.has(socket)) return;
        if (last) {
          end(connection);
          return;
        }
        connection.pieces.drop(from + contentLength);
        connection.head = undefined;
        connection.reply = undefined;
        connection.until = performance.now() + limits.keepAlive;
        if (socket.isPaused()) socket.resume();
        // Not within the reply before: as deep as there are requests at once.
        if (connection.pieces.length > 0) process.nextTick(readOn, connection);
        else if (connection.retired || draining) end(connection);
      },
      headEnd,
    });
    connection.reply = reply;
    if (!connection.retired) connection.until = Number.POSITIVE_INFINITY;
    try {
      await handle({ method: 'POST', url: path, headers, socket, body }, reply);
    } catch (error) {
      log.error({ error: messageOf(error) }, 'a request could not be answered');
      if (reply.headersSent) reply.destroy();
      else sendJson(reply, 500, { error: 'internal error' }, { Connection: 'close' });
    }
  };

  const readOn = (connection: Connection) => {
    if (connections.has(connection.socket) && connection.reply === undefined) read(connection);
  };

  const sweep = () => {
    const now = performance.now();
    for (const connection of connections.values()) {
      if (connection.until >= now) continue;
      if (connection.reply) connection.onGone();
      else endUnread(connection, '408 Request Timeout');
    }
    if (connections.size > 0) return;
    clearInterval(sweeper);
    sweeper = undefined;
  };

  return {
    accept(socket) {
      if (over) {
        socket.destroy();
        return;
      }
      const connection: Connection = {
        socket,
        onData(chunk) {
          connection.pieces.add(chunk);
          // A request that comes before the reply to the one before waits: it is read after that.
          if (connection.reply) socket.pause();
          else read(connection);
        },
        onGone() {
          leave(connection);
          socket.on('error', () => socket.destroy());
          socket.destroy();
          connection.reply?.gone();
        },
        onEnd() {
          // A client that says no more still gets the rest of a reply that is written, as from Node's server.
          if (connection.reply?.ended) connection.retired = true;
          else connection.onGone();
        },
        pieces: new Pieces(),
        readHead: createHeadReader(requestLine),
        head: undefined,
        reply: undefined,
        known: false,
        until: performance.now() + limits.head,
        retired: false,
      };
      connections.set(socket, connection);
      sweeper ??= setInterval(sweep, sweepMs).unref();
      socket.on('data', connection.onData);
      socket.on('end', connection.onEnd);
      for (const event of ['error', 'close']) socket.on(event, connection.onGone);
    },
    isAnswering: (socket) => connections.get(socket)?.reply !== undefined || server.isAnswering(socket),
    retire(socket) {
      const connection = connections.get(socket);
      if (connection === undefined) {
        server.retire(socket, lastReplyMs);
        return;
      }
      connection.retired = true;
      // A stream has no end of its own to wait for.
      const lastMs = connection.reply?.headersSent ? endMs : lastReplyMs;
      connection.until = Math.min(connection.until, performance.now() + lastMs);
      if (connection.pieces.length === 0) end(connection);
    },
    async drain(withinMs) {
      draining = true;
      const until = performance.now() + withinMs;
      const left = () => Math.max(until - performance.now(), 0);
      const none = () => connections.size === 0;
      const drained = server.drain(withinMs);
      await waiting.until(none, Math.min(graceMs, withinMs));
      const refuseRest = () => {
        for (const connection of connections.values())
          if (connection.reply === undefined) endUnread(connection, unavailable);
      };
      if (withinMs > 0) refuseRest();
      await waiting.until(none, left());
      over = true;
      if (withinMs > 0) refuseRest();
      for (const connection of connections.values()) connection.onGone();
      clearInterval(sweeper);
      await drained;
      // What was handed over meanwhile.
      await server.drain(left());
    },
  };
}
