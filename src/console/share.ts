import type { ClientFacts, Decision } from './facts.js';

/** What one process has seen since it was last asked, as JSON: those of all workers become one. */
export interface Share {
  readonly slots: readonly Slot[];
  readonly clients: readonly SeenClient[];
  readonly upstreams: Readonly<Record<string, { readonly calls: number; readonly failed: number }>>;
  readonly plugins: Readonly<
    Record<string, { readonly calls: number; readonly blocked: number; readonly failed: number }>
  >;
  readonly decisions: readonly Omit<Decision, 'id'>[];
}

/** Ten seconds of traffic. */
export interface Slot {
  /** Epoch seconds of its begin. */
  readonly at: number;
  readonly requests: number;
  readonly refused: number;
  readonly failed: number;
  /** How many requests took how long: see `classOf`. */
  readonly times: readonly number[];
}

export interface SeenClient extends Pick<ClientFacts, 'user' | 'name' | 'version' | 'era'> {
  readonly tenant: string | null;
  readonly requests: number;
  /** Epoch milliseconds. */
  readonly lastAt: number;
}

/** Seconds of a slot. */
export const everySeconds = 10;

/** The times of requests are counted in classes, each a quarter wider than the one before: up to four minutes. */
export const timeClasses = 70;
const [firstMs, growth] = [0.05, 1.25];

/** The class of a time in milliseconds. */
export function classOf(ms: number): number {
  if (ms <= firstMs) return 0;
  return Math.min(timeClasses - 1, Math.ceil(Math.log(ms / firstMs) / Math.log(growth)));
}

/** The time below which `share` of what was counted stays, in milliseconds; null where nothing was. */
export function quantile(times: readonly number[], share: number): number | null {
  const all = times.reduce((sum, count) => sum + count, 0);
  if (all === 0) return null;
  let left = all * share;
  const found = times.findIndex((count) => {
    left -= count;
    return left <= 0;
  });
  // In the middle of its class.
  const ms = firstMs * growth ** ((found === -1 ? timeClasses - 1 : found) - 0.5);
  return Number(ms.toPrecision(3));
}
