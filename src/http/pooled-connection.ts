import type { Socket } from 'node:net';
import { ConnectionLost, ConnectionTimeout } from '../errors.js';
import { Pieces } from './pieces.js';
import { type ReplyHead, ReplyParser } from './reply-parser.js';
import { ReplyStream } from './reply-stream.js';

/** A reply: read to its end, or a stream of events that is under way. */
export type PooledReply =
  | { readonly kind: 'whole'; readonly head: ReplyHead; readonly text: string }
  | { readonly kind: 'stream'; readonly head: ReplyHead; readonly stream: ReplyStream };

/** The life of a request, which may be given up before its reply. */
export interface RequestLife {
  readonly aborted: boolean;
  readonly reason: unknown;
  /** Calls `listener` where it is given up. The answer takes that back. */
  onAbort(listener: (reason: unknown) => void): () => void;
}

/** The life of a request that a signal may end, or nothing. */
export function lifeOf(signal: AbortSignal | undefined): RequestLife {
  return {
    get aborted() {
      return signal?.aborted === true;
    },
    get reason() {
      return signal?.reason;
    },
    onAbort(listener) {
      const heard = () => listener(signal?.reason);
      signal?.addEventListener('abort', heard, { once: true });
      return () => signal?.removeEventListener('abort', heard);
    },
  };
}

/** A request, which waits for a connection or has one. */
export interface Exchange {
  readonly message: string | Buffer;
  readonly life: RequestLife;
  readonly resolve: (reply: PooledReply) => void;
  readonly reject: (error: unknown) => void;
  /** Nothing more comes of it. */
  readonly over: () => void;
  connection?: PooledConnection;
}

interface ConnectionOptions {
  /** The other end, as a sentence names it. */
  readonly peer: string;
  /** The bytes of a reply that is read to its end. Streams are bounded by who reads them. */
  readonly maxReplyBytes: number;
  /** How long a connection rests where the server does not say, in milliseconds. */
  readonly restMs: number;
  /** A reply that takes longer is given up, in milliseconds. */
  readonly timeoutMs: number;
  /** The same for what is under way over a connection that is retired. */
  readonly retiredMs: number;
  /** It can take another request. */
  readonly onFree: (connection: PooledConnection) => void;
  /** It has ended. */
  readonly onGone: (connection: PooledConnection) => void;
}

/** How long the end of a stream that nobody reads any more is waited for, in milliseconds. */
const streamEndMs = 1_000;

/** A connection with one request at a time. */
export class PooledConnection {
  readonly socket: Socket;
  /** When the state that it is in has to end, as `performance.now()` has it. */
  until = Number.POSITIVE_INFINITY;
  readonly #options: ConnectionOptions;
  #exchange: Exchange | undefined;
  #parser: ReplyParser | undefined;
  #stream: ReplyStream | undefined;
  #body = new Pieces();
  #retired = false;
  /** Whether its time is that of one that is retired. */
  #late = false;
  #gone = false;

  constructor(socket: Socket, options: ConnectionOptions) {
    this.socket = socket;
    this.#options = options;
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('error', (error) => this.#onEnd(error));
    socket.on('end', () => this.#onEnd(undefined));
    socket.on('close', () => this.#onEnd(undefined));
  }

  get usable(): boolean {
    return this.until > performance.now() && this.socket.writable;
  }

  carries(exchange: Exchange): boolean {
    return this.#exchange === exchange;
  }

  begin(exchange: Exchange): void {
    const { peer, timeoutMs } = this.#options;
    exchange.connection = this;
    this.#exchange = exchange;
    this.#parser = new ReplyParser({ peer, onHead: this.#onHead, onBody: this.#onBody });
    this.until = performance.now() + timeoutMs;
    this.socket.ref();
    this.socket.write(exchange.message);
  }

  /** Waits for a request, so long. */
  rest(ms: number): void {
    this.until = performance.now() + ms;
    // A connection that nobody uses keeps no process alive.
    this.socket.unref();
    this.#options.onFree(this);
  }

  /** Is given nothing more: ends, where something is under way after that. */
  retire(): void {
    this.#retired = true;
    const latest = performance.now() + this.#options.retiredMs;
    if (this.#parser === undefined) this.drop(undefined);
    if (latest >= this.until) return;
    this.until = latest;
    this.#late = true;
  }

  /** It has been in one state for too long. */
  expire(): void {
    const { peer, timeoutMs } = this.#options;
    if (this.#late) this.drop(this.#lost('it was replaced by another, and its time is over'));
    else this.drop(this.#exchange && ConnectionTimeout({ peer, seconds: timeoutMs / 1000 }));
  }

  /** Ends it, because what it carries cannot go on or nobody uses it. */
  drop(error: unknown): void {
    if (this.#gone) return;
    this.#gone = true;
    this.socket.destroy();
    const [exchange, stream] = [this.#exchange, this.#stream];
    this.#exchange = undefined;
    this.#stream = undefined;
    exchange?.over();
    if (stream) stream.end({ error });
    else exchange?.reject(error);
    this.#options.onGone(this);
  }

  readonly #onHead = (head: ReplyHead): number => {
    const streams = head.status === 200 && head.contentType.startsWith('text/event-stream');
    if (!streams) return this.#options.maxReplyBytes;
    const stream: ReplyStream = new ReplyStream({
      resume: () => this.#stream === stream && this.#resume(),
      leave: () => this.#leave(stream),
      close: () => this.#stream === stream && this.drop(undefined),
    });
    this.#stream = stream;
    this.#exchange?.resolve({ kind: 'stream', head, stream });
    return Number.POSITIVE_INFINITY;
  };

  readonly #onBody = (bytes: Buffer): void => {
    if (this.#stream) {
      this.#stream.push(bytes);
      return;
    }
    this.#body.add(bytes);
  };

  /** The connection is free again when the stream has ended, as one does right after its answer. */
  #leave(stream: ReplyStream): void {
    if (this.#stream !== stream) return;
    this.#exchange?.over();
    this.#exchange = undefined;
    this.until = Math.min(this.until, performance.now() + streamEndMs);
    this.#resume();
  }

  #resume(): void {
    if (this.socket.isPaused()) this.socket.resume();
  }

  #onData(chunk: Buffer): void {
    const parser = this.#parser;
    try {
      if (parser === undefined) throw this.#lost('it said something that nobody had asked for');
      parser.feed(chunk);
      if (parser.done) this.#finish(parser);
      else if (this.#stream?.behind) this.socket.pause();
    } catch (error) {
      this.drop(error);
    }
  }

  #finish(parser: ReplyParser): void {
    const [exchange, stream, body] = [this.#exchange, this.#stream, this.#body];
    const head = parser.head as ReplyHead;
    this.#exchange = undefined;
    this.#parser = undefined;
    this.#stream = undefined;
    if (body.length > 0) this.#body = new Pieces();
    const restMs = head.keepAliveMs ?? this.#options.restMs;
    exchange?.over();
    if (stream) stream.end({});
    else exchange?.resolve({ kind: 'whole', head, text: body.whole().toString('utf8') });
    if (this.#gone) return;
    // A server that replies before it has read the request may never do so, and what waits for it would grow.
    const unread = this.socket.writableLength > 0;
    if (restMs === 0 || parser.excess || unread || this.#retired) this.drop(undefined);
    else this.rest(restMs);
  }

  #onEnd(error: Error | undefined): void {
    if (this.#gone) return;
    if (error === undefined && this.#parser?.end()) this.#finish(this.#parser);
    else this.drop(error ?? this.#lost('it closed the connection before the end of its reply'));
  }

  #lost(detail: string) {
    return ConnectionLost({ peer: this.#options.peer, detail });
  }
}
