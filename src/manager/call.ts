import {
  CallCancelled,
  findSallyError,
  InternalError,
  messageOf,
  PluginTimeout,
  type SallyError,
} from '../errors.js';
import type { PluginContext } from '../hooks/index.js';
import type { HookOutcome, PluginHandle } from '../plugin/handle.js';
import type { Outcome } from './decide.js';

/** One call of one plugin, with its deadline. Never rejects: what went wrong is the outcome. */
export async function callPlugin(
  plugin: PluginHandle,
  hook: string,
  payload: unknown,
  context: PluginContext,
  limits: { readonly timeoutMs: number; readonly signal: AbortSignal | undefined },
): Promise<Outcome> {
  try {
    return { kind: 'answered', outcome: await withDeadline(plugin, hook, payload, context, limits) };
  } catch (thrown) {
    const error: SallyError = findSallyError(thrown) ?? InternalError({ detail: messageOf(thrown) }, thrown);
    return { kind: 'failed', error };
  }
}

/** The plugin may ignore its signal: whoever waits is let go all the same. */
function withDeadline(
  plugin: PluginHandle,
  hook: string,
  payload: unknown,
  context: PluginContext,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal | undefined },
): Promise<HookOutcome> {
  const control = new AbortController();
  return new Promise((resolve, reject) => {
    const stop = (error: SallyError) => {
      reject(error);
      control.abort(error);
    };
    const timer = setTimeout(
      () => stop(PluginTimeout({ plugin: plugin.name, hook, seconds: timeoutMs / 1000 })),
      timeoutMs,
    );
    const onAbort = () => stop(CallCancelled({ plugin: plugin.name, hook }));
    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
    const call = control.signal.aborted
      ? Promise.reject(control.signal.reason as SallyError)
      : plugin.invoke(hook, payload, context, control.signal);
    call.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    });
  });
}
