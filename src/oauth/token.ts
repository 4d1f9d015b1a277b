import type { Cancellation } from '../cancel.js';
import { asSallyError, type SallyError } from '../errors.js';
import { backoff, unlessAborted } from '../wait.js';

/** An access token and what is known of it. Times are in milliseconds since 1970. */
export interface Token {
  /** As the `Authorization` header has it. Secret. */
  readonly value: string;
  /** Scopes that it was given for, as far as the server says. */
  readonly scopes: readonly string[];
  /** When it ends; absent: nobody has said. */
  readonly end?: number | undefined;
  /** From when on another is fetched, while it still serves. */
  readonly refreshAt?: number | undefined;
  /** What another is had by. Secret. */
  readonly refreshToken?: string | undefined;
}

/** A token that a request is sent with has to be valid when it arrives, in milliseconds. */
const travelMs = 5_000;
/** So long before its end a token is replaced, in milliseconds; one that lives less than four times that, in its last quarter. */
const aheadMs = 60_000;

/** The times of a token that lives until `end`. */
export function timesOf(end: number | undefined, now: number): Pick<Token, 'end' | 'refreshAt'> {
  if (end === undefined) return {};
  const life = Math.max(0, end - now);
  return { end: end - Math.min(travelMs, life / 10), refreshAt: end - Math.min(aheadMs, life / 4) };
}

const pace = { retryFirst: 1_000, retryMost: 10_000 } as const;

/**
 * One token for many calls: it is fetched once for all who wait for it, by the first of them, and replaced before its end while it still serves.
 * An attempt that failed is told again for a while (1 s, doubled up to 10 s): a server that refuses is not asked with every call.
 */
export class TokenHolder<Asker = void> {
  readonly #fetch: (asker: Asker) => Promise<Token>;
  readonly #now: () => number;
  #token: Token | undefined;
  #fetching: Promise<Token> | undefined;
  #failed: { readonly error: SallyError; readonly until: number } | undefined;
  #failures = 0;

  constructor(fetch: (asker: Asker) => Promise<Token>, now: () => number = Date.now) {
    this.#fetch = fetch;
    this.#now = now;
  }

  /** The token, where there is one that serves. */
  current(asker: Asker): Token | undefined {
    const token = this.#token;
    if (token === undefined) return undefined;
    const now = this.#now();
    if (token.end !== undefined && now >= token.end) return undefined;
    if (token.refreshAt !== undefined && now >= token.refreshAt) this.#renew(asker).catch(() => {});
    return token;
  }

  /** The token, fetched where there is none. What it rejects with is a SallyError. */
  get(signal: Cancellation, asker: Asker): Token | Promise<Token> {
    return this.current(asker) ?? unlessAborted(this.#renew(asker), signal);
  }

  /** Another was had in another way. */
  put(token: Token): void {
    this.forgive();
    this.#token = token;
  }

  /** This one is refused: the next `get` fetches another, unless that has happened. */
  drop(value: string | undefined): void {
    if (this.#token?.value === value) this.#token = undefined;
  }

  /** The token of now is not to be used any more. */
  forget(): void {
    this.#token = undefined;
  }

  /** What the last attempt rested on has changed. */
  forgive(): void {
    this.#failed = undefined;
    this.#failures = 0;
  }

  #renew(asker: Asker): Promise<Token> {
    if (this.#failed && this.#now() < this.#failed.until) return Promise.reject(this.#failed.error);
    this.#fetching ??= this.#fetch(asker)
      .then(
        (token) => {
          this.forgive();
          this.#token = token;
          return token;
        },
        (thrown: unknown) => {
          this.#failures += 1;
          const error = asSallyError(thrown);
          this.#failed = { error, until: this.#now() + backoff(this.#failures, pace) };
          throw error;
        },
      )
      .finally(() => {
        this.#fetching = undefined;
      });
    return this.#fetching;
  }
}
