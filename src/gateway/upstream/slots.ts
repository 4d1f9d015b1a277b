import { type Cancellation, onAbort } from '../../cancel.js';
import { findSallyError, type SallyError, UpstreamBusy, UpstreamCancelled } from '../../errors.js';

/** At most so many at once; the next wait in order, and at most so many of them. */
export class Slots {
  readonly #upstream: string;
  readonly #limit: number;
  readonly #queue: number;
  readonly #waiting = new Set<() => void>();
  #taken = 0;

  constructor(upstream: string, limit: number, queue: number) {
    this.#upstream = upstream;
    this.#limit = limit;
    this.#queue = queue;
  }

  /** Takes one without waiting, where that is possible. */
  tryTake(): boolean {
    if (this.#taken >= this.#limit) return false;
    this.#taken += 1;
    return true;
  }

  /** Takes one, after a wait where there is none. Rejects with a SallyError where too many wait, or on the signal. */
  async take(method: string, signal: Cancellation): Promise<void> {
    if (this.tryTake()) return;
    const upstream = this.#upstream;
    if (this.#waiting.size >= this.#queue) {
      throw UpstreamBusy({ upstream, what: 'requests wait already', limit: this.#queue });
    }
    await new Promise<void>((resolve, reject: (error: SallyError) => void) => {
      const cancelled = () => {
        this.#waiting.delete(go);
        reject(findSallyError(signal.reason) ?? UpstreamCancelled({ upstream, method }));
      };
      const go = () => {
        stop();
        resolve();
      };
      if (signal.aborted) return cancelled();
      this.#waiting.add(go);
      const stop = onAbort(signal, cancelled);
    });
  }

  give(): void {
    const [next] = this.#waiting;
    if (!next) {
      this.#taken -= 1;
      return;
    }
    // The place passes from one to the next: nobody who comes now can take it.
    this.#waiting.delete(next);
    next();
  }
}
