import { dayMs } from './validity.js';

/** A keeper looks at least so often: files change without it, and clocks are set. */
const mostMs = dayMs / 4;
/** So long it leaves alone what is still due after it looked: a CA that is away, a command that failed. */
const leastMs = 60_000;
const retryMs = 10 * 60_000;

/**
 * How long to wait before the next look, in milliseconds. After the first thing becomes due a part of the wait is
 * added, up to ten minutes, so that many hosts that were set up together do not renew together.
 *
 * @param dueAt when each thing is due next.
 * @param random from 0 to 1.
 * @example
 * ```ts
 * import { nextLook } from 'sallyport/pki';
 *
 * const now = new Date();
 * console.log(nextLook({ now, dueAt: [new Date(now.getTime() + 3_600_000)], random: Math.random() }));
 * ```
 */
export function nextLook(options: {
  readonly now: Date;
  readonly dueAt: readonly Date[];
  readonly random: number;
}): number {
  const { now, dueAt, random } = options;
  const until = Math.min(mostMs, ...dueAt.map((date) => date.getTime() - now.getTime()));
  const wait = until <= 0 ? retryMs : Math.max(until, leastMs);
  return Math.round(wait + random * Math.min(wait / 10, retryMs));
}

/** What a keeper needs of the world. */
export interface KeeperDeps {
  /** One look: does what is to be done, and says when each thing is due next. */
  look(): Promise<readonly Date[]>;
  /** Ends early, without an error, when the signal is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  readonly now: () => Date;
  readonly random: () => number;
  /** Told of every wait before it begins. */
  onWait?(ms: number): void;
}

/**
 * Looks, waits, and looks again, until the signal is aborted. A look that is under way is finished.
 *
 * @example
 * ```ts
 * import { setTimeout as sleep } from 'node:timers/promises';
 * import { keep, renewCertificates } from 'sallyport/pki';
 *
 * const stop = new AbortController();
 * await keep(
 *   {
 *     look: async () => (await renewCertificates()).flatMap(({ dueAt }) => dueAt ?? []),
 *     sleep: (ms, signal) => sleep(ms, undefined, { signal }).catch(() => {}),
 *     now: () => new Date(),
 *     random: Math.random,
 *   },
 *   stop.signal,
 * );
 * ```
 */
export async function keep(deps: KeeperDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const dueAt = await deps.look();
    if (signal.aborted) return;
    const ms = nextLook({ now: deps.now(), dueAt, random: deps.random() });
    deps.onWait?.(ms);
    await deps.sleep(ms, signal);
  }
}
