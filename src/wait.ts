import { setMaxListeners } from 'node:events';
import { type Cancellation, onAbort } from './cancel.js';

/** Waits so long, or until the signal; false where it was the signal. Keeps no process alive. */
export function pause(ms: number, signal: Cancellation): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(false);
    const end = (waited: boolean) => {
      clearTimeout(timer);
      stop();
      resolve(waited);
    };
    const timer = setTimeout(end, ms, true).unref();
    const stop = onAbort(signal, () => end(false));
  });
}

/** How long to wait between attempts, in milliseconds. */
interface Pace {
  readonly retryFirst: number;
  readonly retryMost: number;
}

/** The pause before attempt `count` (from 1): doubled each time, and spread by a half where there is `random`. */
export function backoff(count: number, { retryFirst, retryMost }: Pace, random = () => 1): number {
  return Math.min(retryFirst * 2 ** Math.min(count - 1, 30), retryMost) * (0.5 + random() / 2);
}

/** What `work` gives, unless the signal is aborted first: then its reason. The work itself goes on. */
export function unlessAborted<T>(work: Promise<T>, signal: Cancellation): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = onAbort(signal, reject);
    work.then(resolve, reject).finally(stop);
  });
}

/** What `work` gives; once `ms` are over, the error that says so. The process stays for as long: nothing else may keep it. */
export async function inTime<T>(ms: number, late: () => Error, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), ms);
  });
  return Promise.race([work, over]).finally(() => clearTimeout(timer));
}

/** Runs `work` with a signal that is aborted by `outer`, or after `ms` with the error that says so. */
export async function withDeadline<T>(
  ms: number,
  late: () => Error,
  outer: Cancellation,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const own = new AbortController();
  const timer = setTimeout(() => own.abort(late()), ms);
  const stop = onAbort(outer, (reason) => own.abort(reason));
  try {
    return await work(own.signal);
  } finally {
    clearTimeout(timer);
    stop();
  }
}

/**
 * A signal that is aborted together with `signal`, and after `ms` milliseconds at the latest. `AbortSignal.any` over an
 * `AbortSignal.timeout` is no substitute: Node 20 may collect the timeout before it fires.
 */
export function signalWithin(ms: number, signal?: AbortSignal): AbortSignal {
  const control = new AbortController();
  // As many wait for it as there are upstreams: Node would take more than ten for a leak, and say so in the log.
  setMaxListeners(Number.POSITIVE_INFINITY, control.signal);
  const late = () => {
    stop?.();
    control.abort(new DOMException('The operation timed out', 'TimeoutError'));
  };
  const timer = setTimeout(late, ms).unref();
  const stop =
    signal &&
    onAbort(signal, (reason) => {
      clearTimeout(timer);
      control.abort(reason);
    });
  return control.signal;
}

/** Waits for what several places bring about: each of them says when to look. */
export interface Waiting {
  look(): void;
  /** Resolves when `holds`, or after `withinMs`. */
  until(holds: () => boolean, withinMs: number): Promise<void>;
}

export function createWaiting(): Waiting {
  const looks = new Set<() => void>();
  return {
    look() {
      for (const look of looks) look();
    },
    until(holds, withinMs) {
      if (holds()) return Promise.resolve();
      return new Promise((resolve) => {
        const end = () => {
          clearTimeout(timer);
          looks.delete(look);
          resolve();
        };
        const look = () => {
          if (holds()) end();
        };
        const timer = setTimeout(end, withinMs);
        looks.add(look);
      });
    },
  };
}
