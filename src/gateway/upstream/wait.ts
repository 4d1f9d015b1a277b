import { EventEmitter } from 'node:events';
import type { SallyError } from '../../errors.js';

/** What a request over HTTP is given up by: an AbortSignal costs a tenth of a call, and undici takes an emitter as well. */
export class Abort extends EventEmitter {
  aborted = false;
  reason: unknown;

  abort(reason: unknown): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    this.emit('abort');
  }
}

/** Waits so long, or until the signal; false where it was the signal. */
export function pause(ms: number, signal: AbortSignal | Abort): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(false);
    const timer = setTimeout(() => end(true), ms).unref();
    const stop = () => end(false);
    const end = (waited: boolean) => {
      clearTimeout(timer);
      if (signal instanceof Abort) signal.off('abort', stop);
      else signal.removeEventListener('abort', stop);
      resolve(waited);
    };
    if (signal instanceof Abort) signal.once('abort', stop);
    else signal.addEventListener('abort', stop, { once: true });
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
