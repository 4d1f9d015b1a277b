import { EventEmitter } from 'node:events';
import { STATUS_CODES, validateHeaderName, validateHeaderValue } from 'node:http';
import type { Socket } from 'node:net';
import type { Reply } from './reply.js';
import { stalledMs } from './server.js';

type Headers = Readonly<Record<string, string | number>>;

interface FastReplyOptions {
  readonly socket: Socket;
  /** Told of the status before anything is sent; returns whether the connection ends with this reply. */
  readonly onHead: (status: number) => boolean;
  readonly onEnd: (last: boolean) => void;
  /** What every head ends with, where the connection ends with it and where it does not. */
  readonly headEnd: (last: boolean) => string;
}

/**
 * The reply to a request that the fast path read: head and body in one write where the body is one piece, chunked (RFC
 * 9112 section 7.1) where it is not.
 */
export class FastReply extends EventEmitter implements Reply {
  /** 0 until there is one. */
  status = 0;
  headersSent = false;
  destroyed = false;
  writableFinished = false;
  /** Whether all of it is written, to the socket at least. */
  ended = false;
  readonly #socket: Socket;
  readonly #onHead: FastReplyOptions['onHead'];
  readonly #onEnd: FastReplyOptions['onEnd'];
  readonly #headEnd: FastReplyOptions['headEnd'];
  /** The head, as long as it may still go out with what comes after it. */
  #head = '';
  #chunked = false;
  #last = false;
  /** Whether the socket is listened to for the time when it has room again. */
  #behind = false;

  constructor({ socket, onHead, onEnd, headEnd }: FastReplyOptions) {
    super();
    this.#socket = socket;
    this.#onHead = onHead;
    this.#onEnd = onEnd;
    this.#headEnd = headEnd;
  }

  get writableLength(): number {
    return this.#socket.writableLength;
  }

  writeHead(status: number, headers: Headers): void {
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
    let length = false;
    this.status = status;
    this.#last = false;
    for (const name in headers) {
      const value = String(headers[name]);
      validateHeaderName(name);
      validateHeaderValue(name, value);
      const lower = name.toLowerCase();
      if (lower === 'connection') this.#last ||= value.toLowerCase() === 'close';
      else if (lower !== 'transfer-encoding' && lower !== 'date') head += `${name}: ${value}\r\n`;
      length ||= lower === 'content-length';
    }
    this.#last = this.#onHead(status) || this.#last;
    this.#chunked = !length;
    if (this.#chunked) head += 'Transfer-Encoding: chunked\r\n';
    this.#head = head + this.#headEnd(this.#last);
    this.headersSent = true;
  }

  flushHeaders(): void {
    if (this.#head !== '' && !this.destroyed) this.#send('');
  }

  write(piece: string | Buffer): boolean {
    if (this.destroyed || this.ended || piece.length === 0) return true;
    const text = typeof piece === 'string' && this.#chunked ? chunkOf(piece) : piece;
    const flushed = typeof text === 'string' ? this.#send(text) : this.#sendBytes(text);
    if (!flushed && !this.#behind) {
      this.#behind = true;
      this.#socket.once('drain', () => {
        this.#behind = false;
        this.emit('drain');
      });
    }
    return flushed;
  }

  end(piece = ''): void {
    if (this.destroyed || this.ended) return;
    this.ended = true;
    const rest = this.#chunked ? `${piece === '' ? '' : chunkOf(piece)}0\r\n\r\n` : piece;
    if (this.#send(rest)) {
      this.#finish();
      return;
    }
    const stalled = () => this.destroy();
    this.#socket.setTimeout(stalledMs, stalled);
    this.#socket.once('drain', () => {
      this.#socket.setTimeout(0, stalled);
      this.#finish();
    });
  }

  destroy(): void {
    // One that is out has no connection any more: another request may be on it.
    if (!this.writableFinished) this.#socket.destroy();
  }

  /** The connection was lost. */
  gone(): void {
    if (this.destroyed || this.writableFinished) return;
    this.destroyed = true;
    this.emit('close');
  }

  #finish(): void {
    if (this.destroyed) return;
    this.writableFinished = true;
    this.#onEnd(this.#last);
    process.nextTick(emitClose, this);
  }

  #send(text: string): boolean {
    const head = this.#head;
    if (head === '') return this.#socket.write(text);
    this.#head = '';
    // A head is Latin-1 (RFC 9110 section 5.5), which is the same bytes where it is ASCII.
    if (ascii.test(head)) return this.#socket.write(head + text);
    this.#socket.write(head, 'latin1');
    return this.#socket.write(text);
  }

  #sendBytes(bytes: Buffer): boolean {
    this.#socket.cork();
    this.#send(this.#chunked ? `${bytes.length.toString(16)}\r\n` : '');
    const flushed = this.#socket.write(bytes);
    if (this.#chunked) this.#socket.write('\r\n');
    this.#socket.uncork();
    return flushed;
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII.
const ascii = /^[\x00-\x7f]*$/;

function chunkOf(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

function emitClose(reply: FastReply): void {
  reply.emit('close');
}

/** The end of heads: the date (RFC 9110 section 6.6.1), written once a second, and how long the connection may rest. */
export function headEnds(keepAliveMs: number): FastReplyOptions['headEnd'] {
  // As Node's server says it: a client closes a connection first that rests, and no request meets its end.
  const kept = `Connection: keep-alive\r\nKeep-Alive: timeout=${keepAliveMs / 1000}\r\n\r\n`;
  let second = -1;
  let date = '';
  return (last) => {
    const now = Math.floor(Date.now() / 1000);
    if (now !== second) {
      second = now;
      date = `Date: ${new Date(now * 1000).toUTCString()}\r\n`;
    }
    return date + (last ? 'Connection: close\r\n\r\n' : kept);
  };
}
