import {
  CallCancelled,
  findSallyError,
  InternalError,
  messageOf,
  PluginTimeout,
  type SallyError,
} from '../errors.js';
import type { PluginContext } from '../hooks/index.js';
import type { HandleCall, HookOutcome, PluginHandle } from '../plugin/handle.js';
import { CallScope, whenAborted } from '../plugin/scope.js';
import type { Outcome } from './decide.js';

/** How long a call may take and who may end it before, and what else the plugin is told of it. */
export interface CallLimits extends Omit<HandleCall, 'scope'> {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | CallScope | undefined;
}

/** One call of one plugin, with its deadline. Never rejects: what went wrong is the outcome. */
export function callPlugin(
  plugin: PluginHandle,
  hook: string,
  payload: unknown,
  context: PluginContext,
  { timeoutMs, signal, ...call }: CallLimits,
): Promise<Outcome> {
  const cancelled = () => CallCancelled({ plugin: plugin.name, hook });
  return withDeadline(
    (scope) => plugin.invoke(hook, payload, context, { ...call, scope }),
    { timeoutMs, signal },
    { late: () => PluginTimeout({ plugin: plugin.name, hook, seconds: timeoutMs / 1000 }), cancelled },
  );
}

function withDeadline(
  begin: (scope: CallScope) => Promise<HookOutcome>,
  { timeoutMs, signal }: Pick<CallLimits, 'timeoutMs' | 'signal'>,
  end: { readonly late: () => SallyError; readonly cancelled: () => SallyError },
): Promise<Outcome> {
  if (signal?.aborted) return Promise.resolve({ kind: 'failed', error: end.cancelled() });
  return new Promise((resolve) => {
    const scope = new CallScope();
    const settle = (outcome: Outcome) => {
      clearTimeout(timer);
      unheard?.();
      resolve(outcome);
    };
    // The plugin may ignore its signal: whoever waits is let go all the same.
    const stop = (error: SallyError) => {
      settle({ kind: 'failed', error });
      scope.abort(error);
    };
    const timer = setTimeout(() => stop(end.late()), timeoutMs);
    const unheard = signal && whenAborted(signal, () => stop(end.cancelled()));
    begin(scope).then(
      (outcome) => settle({ kind: 'answered', outcome }),
      (thrown: unknown) => {
        const error = findSallyError(thrown) ?? InternalError({ detail: messageOf(thrown) }, thrown);
        settle({ kind: 'failed', error });
      },
    );
  });
}
