import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from '../log.js';
import { createWaiting } from '../wait.js';
import { endConnection, endMs, endResting, isEnding, refuseUnread, refuseUnreadable } from './end.js';
import { sendJson } from './reply.js';
import { headFault } from './request-head.js';

/** Answers one request. A rejection becomes a 500 without details. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void> | void;

/** An HTTP server that can be asked to finish what it has begun. */
export interface HttpServer {
  readonly http: Server;
  /** Whether a request of this connection was read to its end, and its reply is not out. */
  isAnswering(socket: Socket): boolean;
  /**
   * Ends a connection without a call being lost: an idle one at once; another after the reply that is under way, which
   * says so (RFC 9112 section 9.6). A request that has begun to come is answered, also where this server has not been
   * given the connection yet. A reply that takes longer than `withinMs` is cut off; one that is a stream by then soon is.
   */
  retire(socket: Socket, withinMs: number): void;
  /**
   * Waits a moment for requests that are on their way, then ends connections that rest; resolves when the last reply is
   * out, or after `withinMs`. What is still not read whole is refused. At once where that is 0.
   */
  drain(withinMs: number): Promise<void>;
}

/** Every wait of a connection has an end, in milliseconds. */
const limits = {
  headersTimeout: 8_000,
  requestTimeout: 30_000,
  // Longer than clients keep theirs, so that they close first and no request meets a closing connection.
  keepAliveTimeout: 75_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 16_384,
} as const;
/** A client that reads nothing of its reply for so long gets no more of it, in milliseconds. */
export const stalledMs = 60_000;
/** What is less than this is in the hands of the system, or will be in a moment. */
const watchedBytes = 64 * 1024;
/** When a server is about to stop, a request that is on its way may take this long to be read, in milliseconds. */
export const graceMs = 1_000;
export const unavailable = '503 Service Unavailable';

/** The latest request of a connection. */
interface LatestRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** An HTTP server with bounded times and headers. It may listen itself, or be given connections by a TLS front. */
export function createHttpServer(handle: Handler, log: Logger): HttpServer {
  let draining = false;
  const open = new Map<Socket, LatestRequest | undefined>();
  /** What was read of a connection when its last reply was out: it rests as long as that is all. */
  const restsAt = new WeakMap<Socket, number>();
  /** Those that are retired once they have their next reply, and how long that may take. */
  const afterNext = new WeakMap<Socket, number>();
  /** Those that were refused and whose end is said: what comes after that on them is not served. */
  const refused = new WeakSet<Socket>();
  const waiting = createWaiting();

  const retire = (socket: Socket, withinMs: number) => {
    const response = open.get(socket)?.response;
    if (response === undefined || isOut(response)) {
      if (socket.bytesRead > (restsAt.get(socket) ?? 0)) afterNext.set(socket, withinMs);
      else endConnection(socket);
      return;
    }
    if (!response.headersSent) response.setHeader('Connection', 'close');
    // A stream has no end of its own to wait for.
    const last = response.headersSent ? Math.min(withinMs, endMs) : withinMs;
    const timer = setTimeout(() => socket.destroy(), last).unref();
    response.once('close', () => {
      clearTimeout(timer);
      endConnection(socket);
    });
  };

  /** Ends what rests, and refuses what is not read whole; what is being answered goes on. */
  const endRest = () => {
    for (const [socket, exchange] of open) {
      if (isEnding(socket)) continue;
      const answered = exchange === undefined || isOut(exchange.response);
      if (answered && socket.bytesRead === (restsAt.get(socket) ?? 0)) endResting(socket);
      else if (answered || (!exchange.request.complete && !exchange.response.headersSent))
        refuseUnread(socket, unavailable);
    }
  };

  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    // It comes after the one whose reply was the last. No more of it is read.
    if (isEnding(socket) || refused.has(socket)) {
      socket.pause();
      return;
    }
    open.set(socket, { request, response });
    if (draining) response.setHeader('Connection', 'close');
    // What a handler says of the connection in headers of its own does not count against its client's word.
    const isLast = !response.shouldKeepAlive;
    response.once('prefinish', () => giveUpStalled(response));
    response.once('finish', () => {
      if (socket.timeout === stalledMs) socket.setTimeout(0);
      if (isLast || draining) socket.destroySoon();
      else if (!request.complete) throwAway(request, socket);
    });
    response.once('close', () => {
      restsAt.set(socket, socket.bytesRead);
      // The last bytes are written when the response closes; the connection may be idle only a turn later.
      setImmediate(waiting.look);
    });
    const fault = headFault(request);
    if (fault) {
      log.debug({ remote: socket.remoteAddress, error: fault.error }, 'a request was refused');
      if (fault.headers['Connection']) refused.add(socket);
      sendJson(response, fault.status, { error: fault.error }, fault.headers);
      return;
    }
    const retiredWithin = afterNext.get(socket);
    if (retiredWithin !== undefined) retire(socket, retiredWithin);
    Promise.resolve(handle(request, response)).catch((error: unknown) => {
      // A client that went away in the middle of its request has nobody to be answered.
      if (request.destroyed && !request.complete) return response.destroy();
      log.error({ error: String(error) }, 'a request could not be answered');
      if (!response.headersSent) sendJson(response, 500, { error: 'internal error' });
      else response.destroy();
      return undefined;
    });
  };
  const http = createServer(limits, onRequest);
  // Nobody is told to go on with a body that is then refused: `readJson` says 100 when it begins to read.
  http.on('checkContinue', onRequest);
  http.on('connection', (socket: Socket) => {
    open.set(socket, undefined);
    socket.once('close', () => {
      open.delete(socket);
      waiting.look();
    });
    // How Node's server ends a connection with its last reply: over bytes that nobody has read it would be a reset.
    socket.destroySoon = () => {
      const request = open.get(socket)?.request;
      if (request === undefined || request.complete) endConnection(socket);
      else endOverUnread(socket, request);
    };
  });
  http.on('clientError', (error: NodeJS.ErrnoException, duplex) => {
    const socket = duplex as Socket;
    // Node's parser finds fault with what follows a head that was refused: that is one refusal, not two.
    if (isEnding(socket) || refused.has(socket)) return;
    const exchange = open.get(socket);
    // The request that is not read to its end has its reply: it gets no other.
    if (exchange?.request.complete === false && exchange.response.headersSent) endConnection(socket);
    else refuseUnreadable(error, socket, log);
  });
  return {
    http,
    isAnswering(socket) {
      const exchange = open.get(socket);
      return exchange?.request.complete === true && !isOut(exchange.response);
    },
    retire,
    async drain(withinMs) {
      draining = true;
      const until = performance.now() + withinMs;
      const left = () => Math.max(until - performance.now(), 0);
      for (const exchange of open.values()) {
        if (exchange && !exchange.response.headersSent) exchange.response.setHeader('Connection', 'close');
      }
      if (withinMs > 0) {
        await waiting.until(() => open.size === 0, Math.min(graceMs, withinMs));
        endRest();
        const busy = () => [...open.values()].some((exchange) => exchange && !isOut(exchange.response));
        await waiting.until(() => !busy(), left());
        endRest();
        await waiting.until(() => open.size === 0, endMs);
      }
      http.closeAllConnections();
    },
  };
}

const isOut = (response: ServerResponse): boolean => response.writableFinished || response.destroyed;

/** The timeout of the socket starts anew with every byte that is read. */
function giveUpStalled(response: ServerResponse): void {
  if (response.writableLength >= watchedBytes) response.setTimeout(stalledMs, () => response.destroy());
}

/** What is still read of a request that has its reply: most clients read that once they have written all of theirs. */
const unread = { ms: 10_000, bytes: 64 * 1_048_576 } as const;

function endOverUnread(socket: Socket, request: IncomingMessage): void {
  endConnection(socket, '', unread.ms);
  throwAway(request, socket);
}

function throwAway(request: IncomingMessage, socket: Socket): void {
  let bytes = 0;
  const late = setTimeout(endConnection, unread.ms, socket).unref();
  request.once('close', () => clearTimeout(late));
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > unread.bytes) socket.destroy();
  });
  request.resume();
}
