import { CancelSource, onAbort } from '../../cancel.js';
import { findSallyError, type SallyError, UpstreamCancelled, UpstreamTimeout } from '../../errors.js';
import type { Answer } from '../../mcp/messages.js';
import type { CallOptions } from '../upstream.js';
import type { UpstreamContext } from './options.js';

/** A request that the upstream has not answered yet. It ends by its answer, its deadline, or its caller's signal. */
export class Call {
  readonly id: number;
  readonly method: string;
  readonly options: CallOptions;
  /** The caller's progress token. */
  readonly token: unknown;
  readonly answered: Promise<Answer>;
  /** Aborted where the call ends without an answer: closes the HTTP request that it is. */
  readonly given = new CancelSource();
  readonly #context: UpstreamContext;
  readonly #onEnd: (call: Call, givenUp: boolean) => void;
  readonly #unheard: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** What the upstream asks within this call. */
  readonly #asks = new Set<AbortController>();
  #resolve: (answer: Answer) => void = () => {};
  #reject: (error: SallyError) => void = () => {};
  #lasting = false;
  #ended = false;

  constructor(
    id: number,
    method: string,
    token: unknown,
    options: CallOptions,
    context: UpstreamContext,
    onEnd: (call: Call, givenUp: boolean) => void,
  ) {
    this.id = id;
    this.method = method;
    this.token = token;
    this.options = options;
    this.#context = context;
    this.#onEnd = onEnd;
    this.answered = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever made the call waits for it, perhaps a turn later.
    this.answered.catch(() => {});
    this.#timer = setTimeout(this.#late, context.timeoutMs);
    this.#unheard = onAbort(options.signal, this.#cancelled);
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** The upstream is at work: the time begins anew. */
  alive(): void {
    if (!this.#ended && !this.#lasting && this.#asks.size === 0) this.#timer?.refresh();
  }

  /** The time stands still while the client is asked something: that has a deadline of its own. */
  asking(ask: AbortController): void {
    this.#asks.add(ask);
    clearTimeout(this.#timer);
  }

  told(ask: AbortController): void {
    this.#asks.delete(ask);
    if (this.#ended || this.#lasting || this.#asks.size > 0) return;
    this.#timer = setTimeout(this.#late, this.#context.timeoutMs);
  }

  /** From now on without a deadline: for a stream that lasts. */
  lasting(): void {
    this.#lasting = true;
    clearTimeout(this.#timer);
  }

  answer(answer: Answer): void {
    if (!this.#end(false)) return;
    this.#resolve(answer);
  }

  fail(error: SallyError, givenUp = false): void {
    if (!this.#end(givenUp)) return;
    this.#reject(error);
    this.given.abort(error);
  }

  readonly #late = () => {
    const { upstream, timeoutMs } = this.#context;
    this.fail(UpstreamTimeout({ upstream, method: this.method, seconds: timeoutMs / 1000 }), true);
  };

  readonly #cancelled = () => {
    const { upstream } = this.#context;
    const known = findSallyError(this.options.signal.reason);
    this.fail(known ?? UpstreamCancelled({ upstream, method: this.method }), true);
  };

  #end(givenUp: boolean): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#unheard?.();
    for (const ask of this.#asks) ask.abort();
    this.#onEnd(this, givenUp);
    return true;
  }
}
