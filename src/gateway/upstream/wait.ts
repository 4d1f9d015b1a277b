import { type Cancellation, onAbort } from '../../cancel.js';
import type { SallyError } from '../../errors.js';

/** Waits so long, or until the signal; false where it was the signal. */
export function pause(ms: number, signal: Cancellation): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(false);
    const end = (waited: boolean) => {
      clearTimeout(timer);
      unheard();
      resolve(waited);
    };
    const timer = setTimeout(() => end(true), ms).unref();
    const unheard = onAbort(signal, () => end(false));
  });
}

/** Runs `work` with a signal that is aborted by `outer`, or after `ms` with the error that says so. */
export async function withDeadline<T>(
  ms: number,
  late: () => SallyError,
  outer: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const own = new AbortController();
  const timer = setTimeout(() => own.abort(late()), ms);
  const stop = () => own.abort(outer.reason);
  outer.addEventListener('abort', stop);
  if (outer.aborted) stop();
  try {
    return await work(own.signal);
  } finally {
    clearTimeout(timer);
    outer.removeEventListener('abort', stop);
  }
}

/** Waits for `promise` or for the signal, whichever is first. */
export function withSignal<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
