import { STATUS_CODES, validateHeaderName, validateHeaderValue } from 'node:http';
import type { Socket } from 'node:net';
import type { Reply } from './reply.js';
import { stalledMs } from './server.js';

type Headers = Readonly<Record<string, string | number>>;
type ReplyEvent = Parameters<Reply['once']>[0];
type Listener = { readonly event: ReplyEvent; readonly listener: () => void };

/** The connection that a reply goes out over. */
interface Owner {
  readonly socket: Socket;
  readonly heads: ReplyHeads;
  /** Told of the status before anything is sent; returns whether the connection ends with this reply. */
  onHead(status: number): boolean;
  onEnd(last: boolean): void;
}

/**
 * The reply to a request that the fast path read: head and body in one write where the body is one piece, chunked (RFC
 * 9112 section 7.1) where it is not.
 */
export class FastReply implements Reply {
  headersSent = false;
  destroyed = false;
  writableFinished = false;
  /** Whether all of it is written, to the socket at least. */
  ended = false;
  readonly #owner: Owner;
  readonly #socket: Socket;
  /** The head, as long as it may still go out with what comes after it. */
  #head = '';
  #chunked = false;
  #last = false;
  /** Whether the socket is listened to for the time when it has room again. */
  #behind = false;
  /** What was set before the head. */
  #set: Record<string, string> | undefined;
  /** Far fewer than an EventEmitter is made for. */
  #listeners: Listener[] = [];

  constructor(owner: Owner) {
    this.#owner = owner;
    this.#socket = owner.socket;
  }

  get writableLength(): number {
    return this.#socket.writableLength;
  }

  once(event: ReplyEvent, listener: () => void): void {
    this.#listeners.push({ event, listener });
  }

  off(event: ReplyEvent, listener: () => void): void {
    this.#listeners = this.#listeners.filter((one) => one.event !== event || one.listener !== listener);
  }

  #emit(event: ReplyEvent): void {
    const due: Listener[] = [];
    const others: Listener[] = [];
    for (const one of this.#listeners) (one.event === event ? due : others).push(one);
    this.#listeners = others;
    for (const { listener } of due) listener();
  }

  setHeader(name: string, value: string): void {
    this.#set ??= {};
    this.#set[name] = value;
  }

  writeHead(status: number, own: Headers): void {
    const headers = this.#set ? withSet(this.#set, own) : own;
    const { heads } = this.#owner;
    let lines = '';
    let length = false;
    this.#last = false;
    for (const name in headers) {
      const { kind, text } = heads.line(name, String(headers[name]));
      if (kind === 'connection') this.#last ||= text === 'close';
      else if (kind !== 'made here') lines += text;
      length ||= kind === 'length';
    }
    this.#last = this.#owner.onHead(status) || this.#last;
    this.#chunked = !length;
    if (this.#chunked) lines += 'Transfer-Encoding: chunked\r\n';
    this.#head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines}${heads.end(this.#last)}`;
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
        this.#emit('drain');
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
    this.#emit('close');
  }

  #finish(): void {
    if (this.destroyed) return;
    this.writableFinished = true;
    this.#owner.onEnd(this.#last);
    process.nextTick(this.#emit.bind(this), 'close');
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

/** As Node has it, without regard to case. */
function withSet(set: Headers, own: Headers): Headers {
  const names = new Set(Object.keys(own).map((name) => name.toLowerCase()));
  const others = Object.entries(set).filter(([name]) => !names.has(name.toLowerCase()));
  return { ...Object.fromEntries(others), ...own };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII.
const ascii = /^[\x00-\x7f]*$/;

function chunkOf(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

/** A header as it is written. */
interface Line {
  readonly value: string;
  /** `made here`: it is written by nobody else. */
  readonly kind: 'length' | 'connection' | 'made here' | 'other';
  /** The line; of `connection` what it says. */
  readonly text: string;
}

const kinds = new Map<string, Line['kind']>([
  ['content-length', 'length'],
  ['connection', 'connection'],
  ['transfer-encoding', 'made here'],
  ['date', 'made here'],
]);

/** Names whose last line is kept. */
const mostKept = 100;

/** What the heads of one server's replies have in common. */
export class ReplyHeads {
  readonly #kept: string;
  readonly #lines = new Map<string, Line>();
  #second = -1;
  #date = '';

  constructor(keepAliveMs: number) {
    // As Node's server says it: a client closes a connection first that rests, and no request meets its end.
    this.#kept = `Connection: keep-alive\r\nKeep-Alive: timeout=${keepAliveMs / 1000}\r\n\r\n`;
  }

  /** A header: nearly all have the value that they had before. Throws for what is none. */
  line(name: string, value: string): Line {
    const before = this.#lines.get(name);
    if (before?.value === value) return before;
    if (before === undefined) validateHeaderName(name);
    validateHeaderValue(name, value);
    const kind = before?.kind ?? kinds.get(name.toLowerCase()) ?? 'other';
    const text = kind === 'connection' ? value.toLowerCase() : `${name}: ${value}\r\n`;
    const line: Line = { value, kind, text };
    if (before !== undefined || this.#lines.size < mostKept) this.#lines.set(name, line);
    return line;
  }

  /** The end of a head: the date (RFC 9110 section 6.6.1), written once a second, and how long the connection may rest. */
  end(last: boolean): string {
    const now = Math.floor(Date.now() / 1000);
    if (now !== this.#second) {
      this.#second = now;
      this.#date = `Date: ${new Date(now * 1000).toUTCString()}\r\n`;
    }
    return this.#date + (last ? 'Connection: close\r\n\r\n' : this.#kept);
  }
}
