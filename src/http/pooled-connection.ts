import type { Socket } from 'node:net';
import type { Cancellation } from '../cancel.js';
import { ConnectionLost, ConnectionTimeout } from '../errors.js';
import { type ReplyHead, ReplyParser, ReplyStream } from './reply-parser.js';

/** A reply: read to its end, or a stream of events that is under way. */
export type PooledReply = {
  readonly head: ReplyHead;
  /** That it came over: out of step, where the reply is not to its request. */
  readonly connection: { retire(): void };
} & (
  | { readonly kind: 'whole'; readonly text: string }
  | { readonly kind: 'stream'; readonly stream: ReplyStream }
);

/** A request, which waits for a connection or has one. */
export interface Exchange {
  readonly message: string | Buffer;
  readonly life: Cancellation;
  readonly resolve: (reply: PooledReply) => void;
  readonly reject: (error: unknown) => void;
  /** Nothing more comes of it. */
  readonly over: () => void;
  connection?: PooledConnection;
  /** It wants a connection that has carried nothing. */
  fresh: boolean;
  /** It was sent in part, and not whole, over a connection before. */
  cut?: boolean;
}

interface ConnectionOptions {
  /** The other end, as a sentence names it. */
  readonly peer: string;
  /** The bytes of a reply that is read to its end. Streams are bounded by who reads them. */
  readonly maxReplyBytes: number;
  /** How long a connection rests after a reply that said `keepAliveMs`, in milliseconds. */
  readonly restMs: (keepAliveMs: number | undefined) => number;
  /** A reply that takes longer is given up, in milliseconds. */
  readonly timeoutMs: number;
  /** The same for what is under way over a connection that is retired. */
  readonly retiredMs: number;
  /** It can take another request. */
  readonly onFree: (connection: PooledConnection) => void;
  /** It has ended. */
  readonly onGone: (connection: PooledConnection) => void;
  /** The server ended it after it had rested so long, in milliseconds. */
  readonly onIdleEnd: (restedMs: number) => void;
  /** The server ended it without a reply. `idle`: it had rested before. */
  readonly onBroken: (idle: boolean) => void;
  /** The server cannot have the whole of a request that it took: it goes out over another. */
  readonly onUnsent: (exchange: Exchange) => void;
}

/** A connection that rested longer is given the time to say that it has ended before anything is sent, in milliseconds. */
export const lookAfterMs = 20;

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
  #retired = false;
  /** Whether its time is that of one that is retired. */
  #late = false;
  #gone = false;
  /** Since when it rests, where nothing is under way. */
  #restingSince = Number.POSITIVE_INFINITY;
  /** Whether it had rested before what is under way. */
  #idle = false;
  /** How much of the request is with the system: it may have reached the server from then on. */
  #sent: 'nothing' | 'part' | 'whole' = 'nothing';
  /** Whether any of the reply has come. */
  #received = false;

  constructor(socket: Socket, options: ConnectionOptions) {
    this.socket = socket;
    this.#options = options;
    socket.on('data', this.#onData);
    socket.on('error', (error) => this.#onEnd(error));
    socket.on('end', () => this.#onEnd(undefined));
    socket.on('close', () => this.#onEnd(undefined));
  }

  carries(exchange: Exchange): boolean {
    return this.#exchange === exchange;
  }

  /** Sends the request and waits for its reply. `look`: also where it has not rested long. */
  begin(exchange: Exchange, look: boolean): void {
    const { timeoutMs } = this.#options;
    exchange.connection = this;
    this.#exchange = exchange;
    this.#sent = 'nothing';
    this.#received = false;
    const now = performance.now();
    this.until = now + timeoutMs;
    this.socket.ref();
    this.#idle = now - this.#restingSince > lookAfterMs;
    this.#restingSince = Number.POSITIVE_INFINITY;
    // On a busy machine the server's end may be here and not read yet. A whole turn of the event loop reads it; the one
    // that is under way may have looked before.
    if (look || this.#idle) setImmediate(() => setImmediate(this.#write, exchange));
    else this.#write(exchange);
  }

  readonly #write = (exchange: Exchange): void => {
    if (this.#gone || this.#exchange !== exchange) return;
    const { peer, maxReplyBytes } = this.#options;
    this.#parser = new ReplyParser(peer, maxReplyBytes, this.#onHead);
    this.#sent = 'part';
    this.socket.write(exchange.message, this.#onSent);
  };

  readonly #onSent = (error: Error | null | undefined): void => {
    // Node calls back without an error for what a socket had still to write when it was destroyed.
    if (!error && !this.socket.destroyed) this.#sent = 'whole';
  };

  /** Waits for a request, so long. */
  rest(ms: number): void {
    this.#restingSince = performance.now();
    this.until = this.#restingSince + ms;
    // A connection that nobody uses keeps no process alive.
    this.socket.unref();
    this.#options.onFree(this);
  }

  /** Is given nothing more: ends, where something is under way after that. */
  retire(): void {
    this.#retired = true;
    const latest = performance.now() + this.#options.retiredMs;
    if (this.#parser === undefined) this.#lose(undefined);
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

  readonly #onHead = (head: ReplyHead): ReplyStream | undefined => {
    if (head.status !== 200 || !head.contentType.startsWith('text/event-stream')) return undefined;
    const stream: ReplyStream = new ReplyStream({
      resume: () => this.#stream === stream && this.#resume(),
      leave: () => this.#leave(stream),
      close: () => this.#stream === stream && this.drop(undefined),
    });
    this.#stream = stream;
    this.#exchange?.resolve({ kind: 'stream', head, stream, connection: this });
    return stream;
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

  readonly #onData = (chunk: Buffer): void => {
    const parser = this.#parser;
    if (parser === undefined) {
      // It says something that nobody has asked for.
      this.#lose(undefined);
      return;
    }
    this.#received = true;
    try {
      parser.feed(chunk);
      if (parser.done) this.#finish(parser);
      else if (this.#stream?.behind) this.socket.pause();
    } catch (error) {
      this.drop(error);
    }
  };

  #finish(parser: ReplyParser): void {
    const exchange = this.#exchange;
    const stream = this.#stream;
    const head = parser.head as ReplyHead;
    this.#exchange = undefined;
    this.#parser = undefined;
    this.#stream = undefined;
    const restMs = this.#options.restMs(head.keepAliveMs);
    exchange?.over();
    if (stream) stream.end({});
    else {
      const text = parser.body.whole().toString('utf8');
      exchange?.resolve({ kind: 'whole', head, text, connection: this });
    }
    if (this.#gone) return;
    // A server that replies before it has read the request may never do so, and what waits for it would grow.
    const unread = this.socket.writableLength > 0;
    if (restMs === 0 || parser.excess || unread || this.#retired) this.drop(undefined);
    else this.rest(restMs);
  }

  #onEnd(error: Error | undefined): void {
    if (this.#gone) return;
    if (error === undefined && this.#parser?.end()) {
      this.#finish(this.#parser);
      return;
    }
    if (this.#restingSince < Number.POSITIVE_INFINITY) {
      this.#options.onIdleEnd(performance.now() - this.#restingSince);
    }
    const lost = error ?? this.#lost('it closed the connection before the end of its reply');
    // TLS says a turn later that all is sent.
    if (error === undefined && this.#sent === 'part') setImmediate(() => this.#lose(lost));
    else this.#lose(lost);
  }

  /** The server is done with it. A request that it cannot have whole goes out again; once only, where it has a part. */
  #lose(error: unknown): void {
    if (this.#gone) return;
    const exchange = this.#received ? undefined : this.#exchange;
    if (exchange) this.#options.onBroken(this.#idle);
    const again = exchange && (this.#sent === 'nothing' || (this.#sent === 'part' && !exchange.cut));
    if (!again) {
      this.drop(error);
      return;
    }
    if (this.#sent === 'part') {
      exchange.cut = true;
      exchange.fresh = true;
    }
    this.#exchange = undefined;
    this.drop(undefined);
    this.#options.onUnsent(exchange);
  }

  #lost(detail: string) {
    return ConnectionLost({ peer: this.#options.peer, detail });
  }
}
