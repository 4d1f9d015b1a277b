/**
 * A signal that is aborted together with `signal`, and after `ms` milliseconds at the latest. `AbortSignal.any` over an
 * `AbortSignal.timeout` is no substitute: Node 20 may collect the timeout before it fires.
 */
export function signalWithin(ms: number, signal?: AbortSignal): AbortSignal {
  const control = new AbortController();
  const onAbort = () => {
    clearTimeout(timer);
    control.abort(signal?.reason);
  };
  const timer = setTimeout(() => {
    signal?.removeEventListener('abort', onAbort);
    control.abort(new DOMException('The operation timed out', 'TimeoutError'));
  }, ms).unref();
  if (signal?.aborted) onAbort();
  else signal?.addEventListener('abort', onAbort, { once: true });
  return control.signal;
}
