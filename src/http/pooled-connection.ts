import type { Socket } from 'node:net';
import type { Cancellation } from '../cancel.js';
import { ConnectionLost, ConnectionTimeout } from '../errors.js';
import { type ReplyHead, ReplyParser } from './reply-parser.js';
import { ReplyStream } from './reply-stream.js';

/** A reply: read to its end, or a stream of events that is under way. */
export type PooledReply = {
  readonly head: ReplyHead;
  /** That it came over: out of step, where the reply is not to its request. */
  readonly connection: { retire(): void };
} & (
  | { readonly kind: 'whole'; readonly text: string }
  | { readonly kind: 'stream'; readonly stream: ReplyStream }
);

/** A connection that rested longer is given the time to say that it has ended before anything is sent, in milliseconds. */
export const lookAfterMs = 20;
/** How long the end of a stream that nobody reads any more is waited for, in milliseconds. */
const streamEndMs = 1_000;

/** A request, which waits for a connection or has one. */
export interface PooledRequest {
  readonly message: string | Buffer;
  readonly life: Cancellation;
  readonly resolve: (reply: PooledReply) => void;
  readonly reject: (error: unknown) => void;
  /** Listens to the end of `life`. */
  readonly giveUp: () => void;
  connection: PooledConnection | undefined;
  /** It wants a connection that has carried nothing. */
  fresh: boolean;
  /** It was sent in part, and not whole, over a connection before. */
  cut: boolean;
}

/** Nothing more comes of it. */
export const over = ({ life, giveUp }: PooledRequest): void => life.removeEventListener('abort', giveUp);

/** The pool of a connection: how long things may take in it, and what becomes of the connection. */
export interface Owner {
  readonly options: {
    readonly peer: string;
    readonly maxReplyBytes: number;
    readonly timeoutMs: number;
    readonly retiredMs: number;
  };
  /** How long a connection rests after a reply that said `keepAliveMs`, in milliseconds. */
  restMs(keepAliveMs: number | undefined): number;
  /** It carries something, or does no more. */
  carries(more: 1 | -1): void;
  /** It can take another request. */
  free(connection: PooledConnection): void;
  /** It has ended. */
  gone(connection: PooledConnection): void;
  /** The server ended it after it had rested so long, in milliseconds. */
  endedIdle(restedMs: number): void;
  /** The server ended it without a reply. `idle`: it had rested before. */
  broke(idle: boolean): void;
  /** The server cannot have the whole of a request that it took: it goes out over another. */
  unsent(exchange: PooledRequest): void;
}

/** A connection with one request at a time. */
export class PooledConnection {
  readonly socket: Socket;
  /** When the state that it is in has to end, as `performance.now()` has it. */
  until = Number.POSITIVE_INFINITY;
  /** What it carries, until the reply is here or is a stream that nobody reads any more. */
  exchange: PooledRequest | undefined;
  readonly #owner: Owner;
  readonly #parser: ReplyParser;
  #stream: ReplyStream | undefined;
  /** Whether a request was written whose reply has not come to its end. */
  #asked = false;
  #busy = false;
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

  constructor(socket: Socket, owner: Owner) {
    const { peer, maxReplyBytes } = owner.options;
    this.socket = socket;
    this.#owner = owner;
    this.#parser = new ReplyParser(peer, maxReplyBytes, this.#onHead);
    socket.unref();
    socket.on('data', this.#onData);
    socket.on('error', (error) => this.#onEnd(error));
    socket.on('end', () => this.#onEnd(undefined));
    socket.on('close', () => this.#onEnd(undefined));
  }

  /** Sends the request and waits for its reply. `look`: also where it has not rested long. */
  begin(exchange: PooledRequest, look: boolean): void {
    exchange.connection = this;
    this.exchange = exchange;
    this.#sent = 'nothing';
    this.#received = false;
    const now = performance.now();
    this.until = now + this.#owner.options.timeoutMs;
    this.#carries(true);
    this.#idle = now - this.#restingSince > lookAfterMs;
    this.#restingSince = Number.POSITIVE_INFINITY;
    // On a busy machine the server's end may be here and not read yet. A whole turn of the event loop reads it; the one
    // that is under way may have looked before.
    if (look || this.#idle) setImmediate(setImmediate, this.#write.bind(this, exchange));
    else this.#write(exchange);
  }

  #write(exchange: PooledRequest): void {
    if (this.#gone || this.exchange !== exchange) return;
    this.#asked = true;
    this.#sent = 'part';
    this.socket.write(exchange.message, this.#onSent);
  }

  readonly #onSent = (error: Error | null | undefined): void => {
    // Node calls back without an error for what a socket had still to write when it was destroyed.
    if (!error && !this.socket.destroyed) this.#sent = 'whole';
  };

  /** Waits for a request, so long. */
  rest(ms: number): void {
    this.#restingSince = performance.now();
    this.until = this.#restingSince + ms;
    this.#carries(false);
    this.#owner.free(this);
  }

  /** Is given nothing more: ends, where something is under way after that. */
  retire(): void {
    this.#retired = true;
    const latest = performance.now() + this.#owner.options.retiredMs;
    if (!this.#asked) this.#lose(undefined);
    if (latest >= this.until) return;
    this.until = latest;
    this.#late = true;
  }

  /** It has been in one state for too long. */
  expire(): void {
    const { peer, timeoutMs } = this.#owner.options;
    if (this.#late) this.drop(this.#lost('it was replaced by another, and its time is over'));
    else this.drop(this.exchange && ConnectionTimeout({ peer, seconds: timeoutMs / 1000 }));
  }

  /** Ends it, because what it carries cannot go on or nobody uses it. */
  drop(error: unknown): void {
    if (this.#gone) return;
    this.#gone = true;
    this.socket.destroy();
    this.#carries(false);
    const { exchange } = this;
    const stream = this.#stream;
    this.exchange = undefined;
    this.#stream = undefined;
    if (exchange) over(exchange);
    if (stream) stream.end({ error });
    else exchange?.reject(error);
    this.#owner.gone(this);
  }

  #carries(busy: boolean): void {
    if (busy === this.#busy) return;
    this.#busy = busy;
    this.#owner.carries(busy ? 1 : -1);
  }

  readonly #onHead = (head: ReplyHead): ReplyStream | undefined => {
    if (head.status !== 200 || !head.contentType.startsWith('text/event-stream')) return undefined;
    const stream: ReplyStream = new ReplyStream({
      resume: () => this.#stream === stream && this.#resume(),
      leave: () => this.#leave(stream),
      close: () => this.#stream === stream && this.drop(undefined),
    });
    this.#stream = stream;
    this.exchange?.resolve({ kind: 'stream', head, stream, connection: this });
    return stream;
  };

  /** The connection is free again when the stream has ended, as one does right after its answer. */
  #leave(stream: ReplyStream): void {
    if (this.#stream !== stream) return;
    if (this.exchange) over(this.exchange);
    this.exchange = undefined;
    this.until = Math.min(this.until, performance.now() + streamEndMs);
    this.#resume();
  }

  #resume(): void {
    if (this.socket.isPaused()) this.socket.resume();
  }

  readonly #onData = (chunk: Buffer): void => {
    if (!this.#asked) {
      // It says something that nobody has asked for.
      this.#lose(undefined);
      return;
    }
    this.#received = true;
    try {
      this.#parser.feed(chunk);
      if (this.#parser.done) this.#finish();
      else if (this.#stream?.behind) this.socket.pause();
    } catch (error) {
      this.drop(error);
    }
  };

  #finish(): void {
    const { exchange } = this;
    const stream = this.#stream;
    const parser = this.#parser;
    const head = parser.head as ReplyHead;
    const text = stream ? '' : parser.body.whole().toString('utf8');
    this.exchange = undefined;
    this.#stream = undefined;
    this.#asked = false;
    parser.next();
    const restMs = this.#owner.restMs(head.keepAliveMs);
    if (exchange) over(exchange);
    if (stream) stream.end({});
    else exchange?.resolve({ kind: 'whole', head, text, connection: this });
    if (this.#gone) return;
    // A server that replies before it has read the request may never do so, and what waits for it would grow.
    const unread = this.socket.writableLength > 0;
    if (restMs === 0 || parser.excess || unread || this.#retired) this.drop(undefined);
    else this.rest(restMs);
  }

  #onEnd(error: Error | undefined): void {
    if (this.#gone) return;
    if (error === undefined && this.#asked && this.#parser.end()) {
      this.#finish();
      return;
    }
    if (this.#restingSince < Number.POSITIVE_INFINITY) {
      this.#owner.endedIdle(performance.now() - this.#restingSince);
    }
    const lost = error ?? this.#lost('it closed the connection before the end of its reply');
    // TLS says a turn later that all is sent.
    if (error === undefined && this.#sent === 'part') setImmediate(() => this.#lose(lost));
    else this.#lose(lost);
  }

  /** The server is done with it. A request that it cannot have whole goes out again; once only, where it has a part. */
  #lose(error: unknown): void {
    if (this.#gone) return;
    const exchange = this.#received ? undefined : this.exchange;
    if (exchange) this.#owner.broke(this.#idle);
    const again = exchange && (this.#sent === 'nothing' || (this.#sent === 'part' && !exchange.cut));
    if (!again) {
      this.drop(error);
      return;
    }
    if (this.#sent === 'part') {
      exchange.cut = true;
      exchange.fresh = true;
    }
    this.exchange = undefined;
    this.drop(undefined);
    this.#owner.unsent(exchange);
  }

  #lost(detail: string) {
    return ConnectionLost({ peer: this.#owner.options.peer, detail });
  }
}
