import { setMaxListeners } from 'node:events';

/**
 * The life of one call, which may be ended before its answer: what an AbortController is, and one of those only where
 * somebody asks for its signal. Making and wiring one for every layer of every call cost more than the calls.
 */
export class CallScope {
  #aborted = false;
  #reason: unknown;
  #listeners: Set<(reason: unknown) => void> | undefined;
  #control: AbortController | undefined;

  get aborted(): boolean {
    return this.#aborted;
  }

  get reason(): unknown {
    return this.#reason;
  }

  /** The same as an AbortSignal. */
  get signal(): AbortSignal {
    if (this.#control === undefined) {
      this.#control = new AbortController();
      // As many listen as there are plugins and upstreams. Not 0, with which Node 20 takes it for no signal.
      setMaxListeners(Number.POSITIVE_INFINITY, this.#control.signal);
      if (this.#aborted) this.#control.abort(this.#reason);
    }
    return this.#control.signal;
  }

  /** Ends the call. The second time nothing happens. */
  abort(reason: unknown): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason;
    const listeners = this.#listeners;
    this.#listeners = undefined;
    for (const listener of listeners ?? []) listener(reason);
    this.#control?.abort(reason);
  }

  /** Calls `listener` if the call is ended, at once where it was. The answer takes that back. */
  onAbort(listener: (reason: unknown) => void): () => void {
    if (this.#aborted) {
      listener(this.#reason);
      return () => {};
    }
    this.#listeners ??= new Set();
    const listeners = this.#listeners.add(listener);
    return () => void listeners.delete(listener);
  }
}

/** What ends a call before its answer: a signal of the platform, or the lighter one of here. */
export type Ending = AbortSignal | CallScope;

/** `ending` for those who take nothing but a signal of the platform. */
export function signalOf(ending: Ending): AbortSignal {
  return ending instanceof CallScope ? ending.signal : ending;
}

/** Has `listener` called when `signal` is aborted, whichever of the two it is. The answer takes that back. */
export function whenAborted(signal: Ending, listener: (reason: unknown) => void): () => void {
  if (signal instanceof CallScope) return signal.onAbort(listener);
  const heard = () => listener(signal.reason);
  if (signal.aborted) heard();
  else signal.addEventListener('abort', heard, { once: true });
  return () => signal.removeEventListener('abort', heard);
}
