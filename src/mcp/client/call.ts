import { CancelSource, cancelReason } from '../../cancel.js';
import { findSallyError, type SallyError } from '../../errors.js';
import type { RpcResponse } from '../messages.js';
import { Deadline, type TimeLimit } from './deadline.js';
import type { ClientContext, RequestOptions } from './session.js';

/**
 * A request that the server has not answered yet. It ends by its response, its deadline, or its caller's signal; without a
 * response it is aborted, which closes the HTTP request that it is.
 */
export class Call extends CancelSource {
  readonly id: number;
  readonly method: string;
  /** What it is, as errors name it. */
  readonly what: string;
  readonly options: RequestOptions;
  /** The caller's progress token. */
  readonly token: unknown;
  readonly answered: Promise<RpcResponse>;
  ended = false;
  /** Why it was given up, as the server is told. */
  why = 'given up';
  readonly #context: ClientContext;
  readonly #onEnd: (call: Call, givenUp: boolean) => void;
  readonly #onAbort = () => this.#cancelled();
  /** Absent where it may last for ever. */
  #deadline: Deadline | undefined;
  /** What the server asks within this call. */
  #asks: Set<CancelSource> | undefined;
  #resolve: ((response: RpcResponse) => void) | undefined;
  #reject: ((error: SallyError) => void) | undefined;

  constructor(
    id: number,
    method: string,
    what: string,
    token: unknown,
    options: RequestOptions,
    context: ClientContext,
    onEnd: (call: Call, givenUp: boolean) => void,
  ) {
    super();
    this.id = id;
    this.method = method;
    this.what = what;
    this.token = token;
    this.options = options;
    this.#context = context;
    this.#onEnd = onEnd;
    this.answered = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (!context.callsOnly)
      this.#deadline = new Deadline(context.times, options.time, (limit) => this.#late(limit));
    // Its caller may have given it up already.
    if (options.signal.aborted) this.#cancelled();
    else options.signal.addEventListener('abort', this.#onAbort);
  }

  /** The server is at work: the time begins anew. */
  alive(): void {
    if (!this.ended && !this.#asks?.size) this.#deadline?.alive();
  }

  /** The time stands still while the client is asked something: that has a deadline of its own. */
  asking(ask: CancelSource): void {
    this.#asks ??= new Set();
    if (this.#asks.size === 0) this.#deadline?.stop();
    this.#asks.add(ask);
  }

  asked(ask: CancelSource): void {
    this.#asks?.delete(ask);
    if (!this.ended && !this.#asks?.size) this.#deadline?.goOn();
  }

  /** From now on without a deadline: for a stream that lasts. */
  lasting(): void {
    this.#deadline?.stop();
    this.#deadline = undefined;
  }

  answer(response: RpcResponse): void {
    if (this.#end(false)) this.#resolve?.(response);
  }

  fail(error: SallyError, givenUp = false): void {
    if (!this.#end(givenUp)) return;
    // Whoever made the call waits for it, perhaps a turn later.
    this.answered.catch(() => {});
    this.#reject?.(error);
    this.abort(error);
  }

  #late(limit: TimeLimit): void {
    const error = this.#context.errors.timeout(this.what, limit.ms / 1000, limit.setting);
    this.why = error.message;
    this.fail(error, true);
  }

  #cancelled(): void {
    const { signal } = this.options;
    const error = findSallyError(signal.reason);
    this.why = cancelReason(signal) ?? this.why;
    this.fail(error ?? this.#context.errors.cancelled(this.what), true);
  }

  #end(givenUp: boolean): boolean {
    if (this.ended) return false;
    this.ended = true;
    this.#deadline?.stop();
    this.options.signal.removeEventListener('abort', this.#onAbort);
    for (const ask of this.#asks ?? []) ask.abort(undefined);
    this.#onEnd(this, givenUp);
    return true;
  }
}
