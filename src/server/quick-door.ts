import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { messageOf } from '../errors.js';
import type { Logger } from '../log.js';
import { CallScope } from '../plugin/scope.js';
import { type PlainHead, readPlainHead } from './request-head.js';

/** Answers a request with the JSON of a 200, or leaves it to others. */
export type QuickAnswer = (
  headers: PlainHead['headers'],
  body: unknown,
  scope: CallScope,
) => Promise<string | undefined>;

/** Stands before Node's HTTP server on connections that a TLS front lets through. */
export interface QuickDoor {
  accept(socket: Socket): void;
  /**
   * Uses no connection of now for another request: idle ones end, others after the reply that is under way. Answers
   * whether there was one.
   */
  retire(which?: (socket: Socket) => boolean): boolean;
  /** Takes no more requests; resolves when the last reply is out, or after `withinMs`. */
  drain(withinMs: number): Promise<void>;
}

interface QuickDoorOptions {
  /** Where everything goes that is not of the one shape. */
  readonly http: Server;
  readonly path: string;
  readonly maxBodyBytes: number;
  /** Told of a connection that goes to `http` with a request, which has to be the last. */
  readonly onLeaveRetired: (socket: Socket) => void;
  readonly answer: QuickAnswer;
  readonly log: Logger;
}

/** As the limits of the server behind it, in milliseconds. */
const limits = { head: 10_000, body: 30_000, keepAlive: 75_000, end: 2_000 } as const;
const sweepMs = 1_000;
const maxHeadBytes = 16_384;

interface Guest {
  readonly socket: Socket;
  readonly onData: (chunk: Buffer) => void;
  readonly onGone: () => void;
  /** What has come of the request that is being read, or of the next ones while one is being answered. */
  chunks: Buffer[];
  bytes: number;
  head: (PlainHead & { readonly end: number }) | undefined;
  /** Whether a request is being answered; its scope as long as the answer is not there. */
  busy: boolean;
  scope: CallScope | undefined;
  /** When what it is at has to be over. */
  until: number;
  retired: boolean;
}

/**
 * Reads the one request that makes up the traffic of a server off its connection, and answers it in one write. Node's
 * HTTP server costs several times as much for each. Whatever has another shape is handed to that server with every byte
 * of it unread, and so is the connection from then on: what is refused, and how, is decided in one place.
 */
export function createQuickDoor(options: QuickDoorOptions): QuickDoor {
  const { http, path, maxBodyBytes, answer, log } = options;
  const guests = new Set<Guest>();
  const requestLine = `POST ${path} HTTP/1.1`;
  const message = replyWriter();
  let draining = false;
  let idle = () => {};
  let sweeper: NodeJS.Timeout | undefined;

  const leave = (guest: Guest) => {
    guests.delete(guest);
    const { socket } = guest;
    socket.off('data', guest.onData);
    socket.off('error', guest.onGone);
    socket.off('end', guest.onGone);
    socket.off('close', guest.onGone);
    if (draining && guests.size === 0) idle();
  };

  const end = (guest: Guest) => {
    leave(guest);
    const { socket } = guest;
    socket.on('error', () => socket.destroy());
    socket.setTimeout(limits.end, () => socket.destroy());
    socket.end(() => socket.destroy());
  };

  const handOver = (guest: Guest) => {
    const { socket, chunks } = guest;
    leave(guest);
    if (guest.retired) options.onLeaveRetired(socket);
    socket.pause();
    socket.unshift(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));
    http.emit('connection', socket);
    socket.resume();
  };

  /** What has come, as one piece. */
  const whole = (guest: Guest): Buffer => {
    if (guest.chunks.length > 1) guest.chunks = [Buffer.concat(guest.chunks)];
    return guest.chunks[0] ?? Buffer.alloc(0);
  };

  const read = (guest: Guest): void => {
    if (guest.head === undefined) {
      const bytes = whole(guest);
      const at = bytes.indexOf('\r\n\r\n');
      if (at === -1 || at > maxHeadBytes) {
        handOver(guest);
        return;
      }
      const head = readPlainHead(bytes.toString('latin1', 0, at), requestLine);
      if (head === undefined || head.contentLength > maxBodyBytes) {
        handOver(guest);
        return;
      }
      guest.head = { ...head, end: at + 4 };
      guest.until = performance.now() + limits.body;
    }
    if (guest.bytes < guest.head.end + guest.head.contentLength) return;
    void reply(guest, guest.head);
  };

  const reply = async (guest: Guest, { headers, end: from, contentLength }: Guest['head'] & object) => {
    const bytes = whole(guest);
    const body = parse(bytes.toString('utf8', from, from + contentLength));
    if (body === undefined) return handOver(guest);
    const { socket } = guest;
    const scope = new CallScope();
    guest.scope = scope;
    guest.busy = true;
    guest.until = Number.POSITIVE_INFINITY;
    let text: string | undefined;
    try {
      text = await answer(headers, body, scope);
    } catch (error) {
      log.error({ error: messageOf(error) }, 'a request could not be answered');
      socket.write(refusal('500 Internal Server Error'));
      return end(guest);
    }
    guest.scope = undefined;
    if (!guests.has(guest)) return undefined;
    if (text === undefined) return handOver(guest);
    const last = draining || guest.retired;
    const flushed = socket.write(message(text, last));
    if (last) return end(guest);
    // A client that does not read its replies gets no more of them.
    guest.until = performance.now() + limits.body;
    const used = from + contentLength;
    if (flushed) return next(guest, bytes, used);
    return void socket.once('drain', () => guests.has(guest) && next(guest, bytes, used));
  };

  const next = (guest: Guest, bytes: Buffer, used: number) => {
    const late = guest.chunks.slice(1);
    guest.chunks = bytes.length > used ? [bytes.subarray(used), ...late] : late;
    guest.bytes = guest.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    guest.head = undefined;
    guest.busy = false;
    guest.until = performance.now() + limits.keepAlive;
    if (guest.socket.isPaused()) guest.socket.resume();
    if (guest.bytes > 0) read(guest);
    else if (guest.retired || draining) end(guest);
  };

  const sweep = () => {
    const now = performance.now();
    for (const guest of guests) {
      if (guest.until >= now) continue;
      if (guest.bytes > 0 && !guest.busy) guest.socket.write(refusal('408 Request Timeout'));
      end(guest);
    }
    if (guests.size > 0) return;
    clearInterval(sweeper);
    sweeper = undefined;
  };

  return {
    accept(socket) {
      const guest: Guest = {
        socket,
        onData(chunk) {
          guest.chunks.push(chunk);
          guest.bytes += chunk.length;
          // A request that comes before the reply to the one before waits: it is read after that.
          if (guest.busy) socket.pause();
          else read(guest);
        },
        onGone() {
          leave(guest);
          socket.on('error', () => socket.destroy());
          socket.destroy();
          guest.scope?.abort(undefined);
        },
        chunks: [],
        bytes: 0,
        head: undefined,
        busy: false,
        scope: undefined,
        until: performance.now() + limits.head,
        retired: false,
      };
      guests.add(guest);
      sweeper ??= setInterval(sweep, sweepMs).unref();
      socket.on('data', guest.onData);
      for (const event of ['error', 'end', 'close']) socket.on(event, guest.onGone);
    },
    retire(which = () => true) {
      const found = [...guests].filter(({ socket }) => which(socket));
      for (const guest of found) {
        guest.retired = true;
        if (guest.bytes === 0) end(guest);
      }
      return found.length > 0;
    },
    async drain(withinMs) {
      draining = true;
      for (const guest of guests) if (guest.bytes === 0) end(guest);
      if (guests.size > 0) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, withinMs);
          idle = () => {
            clearTimeout(timer);
            setImmediate(resolve);
          };
        });
      }
      for (const guest of guests) guest.onGone();
      clearInterval(sweeper);
    },
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const refusal = (status: string) => `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`;

/** Heads of a reply; the date in them (RFC 9110 section 6.6.1) is written once a second. */
function replyWriter(): (json: string, last: boolean) => string {
  let second = -1;
  let date = '';
  return (json, last) => {
    const now = Math.floor(Date.now() / 1000);
    if (now !== second) {
      second = now;
      date = new Date(now * 1000).toUTCString();
    }
    const connection = last ? 'close' : 'keep-alive';
    return `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: ${date}\r\nConnection: ${connection}\r\nContent-Length: ${Buffer.byteLength(json)}\r\n\r\n${json}`;
  };
}
