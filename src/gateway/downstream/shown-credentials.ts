import type { Credential } from '../auth/index.js';

/** More of one session than anybody has in use: the one shown first goes. */
const maxKept = 8;

/** The credentials that were shown on a session: it lives for as long as one of them is valid. */
export class ShownCredentials implements Iterable<Credential> {
  /** The newest comes last. */
  #kept: readonly Credential[] = [];
  #overSince: number | undefined;

  /** The hot path: nearly every request shows what the one before it has shown. */
  add(credential: Credential): void {
    const newest = this.#kept.at(-1);
    if (newest !== undefined && !newest.over && isSame(newest, credential)) return;
    const others = this.#kept.filter((one) => !one.over && !isSame(one, credential));
    this.#kept = [...others, credential].slice(-maxKept);
    this.#overSince = undefined;
  }

  [Symbol.iterator](): Iterator<Credential> {
    return this.#kept[Symbol.iterator]();
  }

  /** Since when none is valid any more; undefined where one is, or where none was ever shown. */
  overSince(now: number): number | undefined {
    if (this.#kept.length > 0 && this.#kept.every((one) => one.over)) this.#overSince ??= now;
    return this.#overSince;
  }
}

function isSame(one: Credential, other: Credential): boolean {
  if (one.shown === other.shown) return true;
  const { authorization } = one.shown;
  return authorization !== undefined && authorization === other.shown.authorization;
}
