import { setMaxListeners } from 'node:events';
import { SallyError } from './errors.js';

/** What ends a call before its reply. An AbortSignal is one, and so is a `CancelSource`, which costs less. */
export interface Cancellation {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/**
 * An AbortController and its signal in one, which makes those of the platform only where somebody asks for them. Making
 * and wiring one for every layer of every call cost more than the calls.
 */
export class CancelSource implements Cancellation {
  /** Set by `abort` alone. */
  aborted = false;
  reason: unknown;
  /** Most have one listener: no Set is made for it. */
  #first: (() => void) | undefined;
  #more: Set<() => void> | undefined;
  #control: AbortController | undefined;

  /** The same as an AbortSignal. */
  get signal(): AbortSignal {
    if (this.#control === undefined) {
      this.#control = new AbortController();
      // As many listen as there are plugins and upstreams. Not 0, with which Node 20 takes it for no signal.
      setMaxListeners(Number.POSITIVE_INFINITY, this.#control.signal);
      if (this.aborted) this.#control.abort(this.reason);
    }
    return this.#control.signal;
  }

  /** Ends the call. The second time nothing happens. */
  abort(reason: unknown): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    const [first, more] = [this.#first, this.#more];
    this.#first = undefined;
    this.#more = undefined;
    first?.();
    for (const listener of more ?? []) listener();
    this.#control?.abort(reason);
  }

  /** Every listener is called at most once, as `abort` works once. */
  addEventListener(_type: 'abort', listener: () => void): void {
    if (this.#first === undefined && this.#more === undefined) {
      this.#first = listener;
    } else if (listener !== this.#first) {
      this.#more ??= new Set();
      this.#more.add(listener);
    }
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    if (listener === this.#first) this.#first = undefined;
    else this.#more?.delete(listener);
  }
}

/** The words in which a call was ended, for whoever works on it: of a peer, or of an error; undefined where there are none. */
export function cancelReason({ reason }: Pick<Cancellation, 'reason'>): string | undefined {
  if (reason instanceof SallyError) return reason.message;
  return typeof reason === 'string' ? reason : undefined;
}

/** `cancellation` for those who take nothing but a signal of the platform. */
export function signalOf(cancellation: Cancellation): AbortSignal {
  return cancellation instanceof CancelSource ? cancellation.signal : (cancellation as AbortSignal);
}

/** Calls `listener` when the call is ended, at once where it was. Returns a disposer. */
export function onAbort(cancellation: Cancellation, listener: (reason: unknown) => void): () => void {
  const onEvent = () => listener(cancellation.reason);
  if (cancellation.aborted) {
    onEvent();
    return () => {};
  }
  cancellation.addEventListener('abort', onEvent);
  return () => cancellation.removeEventListener('abort', onEvent);
}
