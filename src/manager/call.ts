import {
  CallCancelled,
  findSallyError,
  InternalError,
  messageOf,
  PluginTimeout,
  type SallyError,
} from '../errors.js';
import type { PluginContext } from '../hooks/index.js';
import type { Chain, ChainCall, HandleCall, Outcome, PluginHandle } from '../plugin/handle.js';
import { CallScope, whenAborted } from '../plugin/scope.js';
import { chainBudgetMs } from '../wire/index.js';

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
  return withDeadline<Outcome>(
    async (scope) => ({
      kind: 'answered',
      outcome: await plugin.invoke(hook, payload, context, { ...call, scope }),
    }),
    { timeoutMs, signal },
    failures(plugin, hook, timeoutMs),
    (failure) => failure,
  );
}

/**
 * Several plugins in one round trip. Each has its deadline at their server; what ends the call as a whole is the outcome
 * of the first of them. Never rejects.
 */
export function callChain(
  chain: Chain,
  call: ChainCall,
  { signal, ...limits }: Omit<CallLimits, 'timeoutMs'>,
): Promise<readonly Outcome[]> {
  const first = call.steps[0]?.plugin;
  if (first === undefined) return Promise.resolve([]);
  return withDeadline<readonly Outcome[]>(
    (scope) => chain.invoke(call, { ...limits, scope }),
    { timeoutMs: call.timeoutMs + chainBudgetMs, signal },
    failures(first, call.hook, call.timeoutMs),
    (failure) => [failure],
  );
}

type Failure = Extract<Outcome, { kind: 'failed' }>;

interface Failures {
  readonly late: () => SallyError;
  readonly cancelled: () => SallyError;
}

const failures = (plugin: PluginHandle, hook: string, timeoutMs: number): Failures => ({
  late: () => PluginTimeout({ plugin: plugin.name, hook, seconds: timeoutMs / 1000 }),
  cancelled: () => CallCancelled({ plugin: plugin.name, hook }),
});

function withDeadline<T>(
  begin: (scope: CallScope) => Promise<T>,
  { timeoutMs, signal }: Pick<CallLimits, 'timeoutMs' | 'signal'>,
  end: Failures,
  failed: (failure: Failure) => T,
): Promise<T> {
  const failure = (error: SallyError) => failed({ kind: 'failed', error });
  if (signal?.aborted) return Promise.resolve(failure(end.cancelled()));
  return new Promise((resolve) => {
    const scope = new CallScope();
    const settle = (outcome: T) => {
      clearTimeout(timer);
      unheard?.();
      resolve(outcome);
    };
    // The plugin may ignore its signal: whoever waits is let go all the same.
    const stop = (error: SallyError) => {
      settle(failure(error));
      scope.abort(error);
    };
    const timer = setTimeout(() => stop(end.late()), timeoutMs);
    const unheard = signal && whenAborted(signal, () => stop(end.cancelled()));
    begin(scope).then(settle, (thrown: unknown) =>
      settle(failure(findSallyError(thrown) ?? InternalError({ detail: messageOf(thrown) }, thrown))),
    );
  });
}
