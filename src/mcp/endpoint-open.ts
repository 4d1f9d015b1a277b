import { AskCancelled, type SallyError, TooManyQuestions } from '../errors.js';
import { plainNumber, writeJson } from '../json/index.js';
import type { Answer, JsonObject, RequestId } from './messages.js';
import { InFlight } from './requests.js';

/** What is under way, with a way to wait for its end. */
export class Running<T> extends InFlight<T> {
  readonly #waiting = new Set<() => void>();

  override add(one: T): () => void {
    const remove = super.add(one);
    return () => {
      remove();
      for (const look of this.#waiting) look();
    };
  }

  /** Whether none is left for which `counts` holds, at once or within that time. */
  over(counts: (one: T) => boolean, withinMs: number): Promise<boolean> {
    const none = () => this.find(counts) === undefined;
    if (none()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const end = (over: boolean) => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(over);
      };
      const look = () => {
        if (none()) end(true);
      };
      const timer = setTimeout(end, withinMs, false);
      this.#waiting.add(look);
    });
  }
}

/** Room for so many things at once, altogether and for each principal. */
export class Slots {
  taken = 0;
  readonly #limit: number;
  readonly #limitForOne: number;
  readonly #byWho = new Map<string, number>();

  constructor(limit: number, limitForOne: number) {
    this.#limit = limit;
    this.#limitForOne = limitForOne;
  }

  /** Takes one, or says whose limit is in the way. `who` is undefined where nobody is known: only the total counts. */
  take(who: string | undefined): 'taken' | 'full' | 'full-for-one' {
    if (this.taken >= this.#limit) return 'full';
    if (who !== undefined) {
      const own = this.#byWho.get(who) ?? 0;
      if (own >= this.#limitForOne) return 'full-for-one';
      this.#byWho.set(who, own + 1);
    }
    this.taken += 1;
    return 'taken';
  }

  give(who: string | undefined): void {
    this.taken -= 1;
    if (who === undefined) return;
    const own = (this.#byWho.get(who) ?? 1) - 1;
    if (own > 0) this.#byWho.set(who, own);
    else this.#byWho.delete(who);
  }
}

/** More at a time are not asked: whoever asks is not waiting for answers. */
const maxOpen = 100;

/** What a client has been asked and has not answered yet. */
export class Questions {
  readonly #open = new Map<unknown, { resolve(answer: Answer): void; reject(error: SallyError): void }>();
  #last = 0;
  #ended: SallyError | undefined;

  /** Asks by `send`, which gets the message as JSON. Rejects where `signal` is aborted first, or the client goes. */
  ask(
    send: (json: string) => void,
    method: string,
    params: JsonObject | undefined,
    signal: AbortSignal,
  ): Promise<Answer> {
    if (this.#ended) return Promise.reject(this.#ended);
    if (signal.aborted) return Promise.reject(AskCancelled({ method }));
    if (this.#open.size >= maxOpen) return Promise.reject(TooManyQuestions({ method, limit: maxOpen }));
    this.#last += 1;
    const id = this.#last;
    return new Promise((resolve, reject) => {
      const done = () => {
        this.#open.delete(id);
        signal.removeEventListener('abort', cancel);
      };
      const cancel = () => {
        done();
        const given = { requestId: id, reason: 'the request that this was for has ended' };
        send(writeJson({ jsonrpc: '2.0', method: 'notifications/cancelled', params: given }));
        reject(AskCancelled({ method }));
      };
      this.#open.set(id, {
        resolve(answer) {
          done();
          resolve(answer);
        },
        reject(error) {
          done();
          reject(error);
        },
      });
      signal.addEventListener('abort', cancel, { once: true });
      send(writeJson({ jsonrpc: '2.0', id, method, ...(params && { params }) }));
    });
  }

  /** Takes an answer. One that nobody waits for any more is of no use. */
  answered(id: RequestId | null, answer: Answer): void {
    if (id !== null) this.#open.get(plainNumber(id))?.resolve(answer);
  }

  /** The client is gone: nothing is answered any more. */
  end(reason: SallyError): void {
    this.#ended = reason;
    for (const question of [...this.#open.values()]) question.reject(reason);
  }
}
