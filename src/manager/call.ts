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
async function withDeadline(
  plugin: PluginHandle,
  hook: string,
  payload: unknown,
  context: PluginContext,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal | undefined },
): Promise<HookOutcome> {
  if (signal?.aborted) throw CallCancelled({ plugin: plugin.name, hook });
  const control = new AbortController();
  let stop = (_error: SallyError) => {};
  const stopped = new Promise<never>((_resolve, reject) => {
    stop = (error) => {
      reject(error);
      control.abort(error);
    };
  });
  const late = () => stop(PluginTimeout({ plugin: plugin.name, hook, seconds: timeoutMs / 1000 }));
  const cancelled = () => stop(CallCancelled({ plugin: plugin.name, hook }));
  const timer = setTimeout(late, timeoutMs);
  signal?.addEventListener('abort', cancelled, { once: true });
  try {
    return await Promise.race([plugin.invoke(hook, payload, context, control.signal), stopped]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', cancelled);
  }
}
