import type { Socket } from 'node:net';
import { messageOf } from '../errors.js';
import type { Logger } from '../log.js';
import { createWaiting } from '../wait.js';
import { bodyOf, Pieces, type ReadBody } from './body.js';
import { endConnection, endMs, endResting, refuseUnread } from './end.js';
import { FastReply, headEnds } from './fast-reply.js';
import { type Reply, type RequestHead, sendJson } from './reply.js';
import { type PlainHead, readPlainHead } from './request-head.js';
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

interface Guest {
  readonly socket: Socket;
  readonly onData: (chunk: Buffer) => void;
  readonly onGone: () => void;
  readonly onEnd: () => void;
  /** What has come of the request that is being read, and of the next ones while one is being answered. */
  readonly pieces: Pieces;
  head: (PlainHead & { readonly end: number }) | undefined;
  /** The reply that is under way. */
  reply: FastReply | undefined;
  /** Whether a request of it was answered with success: so nobody of the street. */
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
  const guests = new Map<Socket, Guest>();
  const headEnd = headEnds(limits.keepAlive);
  const requestLine = `POST ${path} HTTP/1.1`;
  const waiting = createWaiting();
  let draining = false;
  let over = false;
  let sweeper: NodeJS.Timeout | undefined;

  const leave = (guest: Guest) => {
    const { socket } = guest;
    guests.delete(socket);
    socket.off('data', guest.onData);
    socket.off('error', guest.onGone);
    socket.off('end', guest.onEnd);
    socket.off('close', guest.onGone);
    waiting.look();
  };

  const end = (guest: Guest) => {
    leave(guest);
    endConnection(guest.socket);
  };

  /** Ends a connection that is not being answered; what has come of a request gets a reply. */
  const endUnread = (guest: Guest, status: string) => {
    leave(guest);
    if (guest.pieces.length > 0) refuseUnread(guest.socket, status);
    else endResting(guest.socket);
  };

  const handOver = (guest: Guest) => {
    const { socket, pieces } = guest;
    leave(guest);
    if (guest.retired) server.retire(socket, lastReplyMs);
    socket.pause();
    socket.unshift(pieces.whole());
    server.http.emit('connection', socket);
    socket.resume();
  };

  const read = (guest: Guest): void => {
    if (guest.head === undefined) {
      const bytes = guest.pieces.whole();
      const at = bytes.indexOf('\r\n\r\n');
      if (at === -1 || at > maxHeadBytes) {
        handOver(guest);
        return;
      }
      const head = readPlainHead(bytes.toString('latin1', 0, at), requestLine);
      const most = guest.known ? maxBodyBytes.later : maxBodyBytes.first;
      if (head === undefined || head.contentLength > most) {
        handOver(guest);
        return;
      }
      guest.head = { ...head, end: at + 4 };
      guest.until = performance.now() + limits.body;
    }
    if (guest.pieces.length < guest.head.end + guest.head.contentLength) return;
    void answer(guest, guest.head);
  };

  const answer = async (guest: Guest, { headers, end: from, contentLength }: Guest['head'] & object) => {
    const body = bodyOf(
      guest.pieces.whole().toString('utf8', from, from + contentLength),
      options.maxBodyDepth,
    );
    if ('status' in body && body.error === undefined) {
      handOver(guest);
      return;
    }
    const { socket } = guest;
    const reply = new FastReply({
      socket,
      onHead: (status) => {
        if (!guest.known && status < 300) {
          guest.known = true;
          options.onKnown?.(socket);
        }
        return draining || guest.retired;
      },
      onEnd: (last) => {
        if (!guests.has(socket)) return;
        if (last) end(guest);
        else next(guest, from + contentLength);
      },
      headEnd,
    });
    guest.reply = reply;
    if (!guest.retired) guest.until = Number.POSITIVE_INFINITY;
    try {
      await handle({ method: 'POST', url: path, headers, socket, body }, reply);
    } catch (error) {
      log.error({ error: messageOf(error) }, 'a request could not be answered');
      if (reply.headersSent) reply.destroy();
      else sendJson(reply, 500, { error: 'internal error' }, { Connection: 'close' });
    }
  };

  const next = (guest: Guest, used: number) => {
    guest.pieces.drop(used);
    guest.head = undefined;
    guest.reply = undefined;
    guest.until = performance.now() + limits.keepAlive;
    if (guest.socket.isPaused()) guest.socket.resume();
    // Not within the reply before: as deep as there are requests at once.
    if (guest.pieces.length > 0) process.nextTick(readOn, guest);
    else if (guest.retired || draining) end(guest);
  };

  const readOn = (guest: Guest) => {
    if (guests.has(guest.socket) && guest.reply === undefined) read(guest);
  };

  const sweep = () => {
    const now = performance.now();
    for (const guest of guests.values()) {
      if (guest.until >= now) continue;
      if (guest.reply) guest.onGone();
      else endUnread(guest, '408 Request Timeout');
    }
    if (guests.size > 0) return;
    clearInterval(sweeper);
    sweeper = undefined;
  };

  return {
    accept(socket) {
      if (over) {
        socket.destroy();
        return;
      }
      const guest: Guest = {
        socket,
        onData(chunk) {
          guest.pieces.add(chunk);
          // A request that comes before the reply to the one before waits: it is read after that.
          if (guest.reply) socket.pause();
          else read(guest);
        },
        onGone() {
          leave(guest);
          socket.on('error', () => socket.destroy());
          socket.destroy();
          guest.reply?.gone();
        },
        onEnd() {
          // A client that says no more still gets the rest of a reply that is written, as from Node's server.
          if (guest.reply?.ended) guest.retired = true;
          else guest.onGone();
        },
        pieces: new Pieces(),
        head: undefined,
        reply: undefined,
        known: false,
        until: performance.now() + limits.head,
        retired: false,
      };
      guests.set(socket, guest);
      sweeper ??= setInterval(sweep, sweepMs).unref();
      socket.on('data', guest.onData);
      socket.on('end', guest.onEnd);
      for (const event of ['error', 'close']) socket.on(event, guest.onGone);
    },
    isAnswering: (socket) => guests.get(socket)?.reply !== undefined || server.isAnswering(socket),
    retire(socket) {
      const guest = guests.get(socket);
      if (guest === undefined) {
        server.retire(socket, lastReplyMs);
        return;
      }
      guest.retired = true;
      // A stream has no end of its own to wait for.
      const lastMs = guest.reply?.headersSent ? endMs : lastReplyMs;
      guest.until = Math.min(guest.until, performance.now() + lastMs);
      if (guest.pieces.length === 0) end(guest);
    },
    async drain(withinMs) {
      draining = true;
      const until = performance.now() + withinMs;
      const left = () => Math.max(until - performance.now(), 0);
      const none = () => guests.size === 0;
      const drained = server.drain(withinMs);
      await waiting.until(none, Math.min(graceMs, withinMs));
      const refuseRest = () => {
        for (const guest of guests.values()) if (guest.reply === undefined) endUnread(guest, unavailable);
      };
      if (withinMs > 0) refuseRest();
      await waiting.until(none, left());
      over = true;
      if (withinMs > 0) refuseRest();
      for (const guest of guests.values()) guest.onGone();
      clearInterval(sweeper);
      await drained;
      // What was handed over meanwhile.
      await server.drain(left());
    },
  };
}
