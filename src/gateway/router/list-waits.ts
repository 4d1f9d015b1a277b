import type { Kind } from '../../mcp/methods.js';
import type { Upstream } from '../upstream.js';

/** How long clients wait for one upstream at first, in milliseconds: the others are not kept waiting by one that is slow. */
export const listWaitMs = 5_000;
/** How long for one of which something is known already, or that has let the one before wait in vain. */
export const knownWaitMs = 75;

/** How an attempt to have a list ended. */
type Outcome = 'answered' | 'failed' | 'given up';

/** How long clients wait for a list of an upstream: a start once, and one that hangs not again until it has answered. */
class ListWait {
  readonly #upstream: Upstream;
  /** Since when somebody waits, and has waited in vain so far. */
  #since: number | undefined;
  #pending = 0;
  /** Whether the last attempt was in vain. */
  failed = false;

  constructor(upstream: Upstream) {
    this.#upstream = upstream;
  }

  /** What is left, in milliseconds. */
  get left(): number {
    if (this.failed) return knownWaitMs;
    const now = performance.now();
    const waiting = this.#since ?? now;
    return Math.max(knownWaitMs, Math.min(waiting + listWaitMs - now, startLeft(this.#upstream)));
  }

  /** An attempt begins; what it returns says how it ended. */
  begin(): (outcome: Outcome) => void {
    const begun = performance.now();
    this.#since ??= begun;
    this.#pending += 1;
    return (outcome) => {
      this.#pending -= 1;
      if (outcome === 'answered' || this.#upstream.state.kind === 'down') this.failed = false;
      else if (outcome === 'failed' && performance.now() - begun > knownWaitMs) this.failed = true;
      if (outcome === 'answered' || this.#pending === 0) this.#since = undefined;
    };
  }
}

/** How long the start of an upstream is still waited for, in milliseconds: none of it where it is up or down. */
export function startLeft({ state, since }: Upstream): number {
  return state.kind === 'connecting' ? Math.max(0, since + listWaitMs - performance.now()) : listWaitMs;
}

/** The waits of all upstreams. */
export class ListWaits {
  readonly #waits = new WeakMap<Upstream, Map<Kind, ListWait>>();

  of(upstream: Upstream, kind: Kind): ListWait {
    const waits = this.#waits.get(upstream) ?? new Map<Kind, ListWait>();
    this.#waits.set(upstream, waits);
    const wait = waits.get(kind) ?? new ListWait(upstream);
    waits.set(kind, wait);
    return wait;
  }
}
