import { type Cancellation, CancelSource, onAbort } from '../cancel.js';
import {
  CallCancelled,
  findSallyError,
  InternalError,
  messageOf,
  PluginTimeout,
  type SallyError,
} from '../errors.js';
import type { PluginContext } from '../hooks/index.js';
import type {
  Chain,
  ChainCall,
  HandleCall,
  HookOutcome,
  OneOutcome,
  Outcome,
  PluginHandle,
} from '../plugin/handle.js';
import { chainBudgetMs } from '../wire/index.js';

/** How long a call may take and who may end it before, and what else the plugin is told of it. */
export interface CallLimits extends Omit<HandleCall, 'scope'> {
  readonly timeoutMs: number;
  readonly signal: Cancellation | undefined;
}

/**
 * One call of one plugin, with its deadline. Never throws or rejects: what went wrong is the outcome. A plugin that
 * answers at once costs no timer and no promise.
 */
export function callPlugin(
  plugin: PluginHandle,
  hook: string,
  payload: unknown,
  context: PluginContext,
  { timeoutMs, signal, owned = false, payloadJson }: CallLimits,
): OneOutcome | Promise<OneOutcome> {
  return withDeadline<HookOutcome, OneOutcome>(
    (scope) => plugin.invoke(hook, payload, context, { scope, owned, payloadJson }),
    { timeoutMs, signal },
    (end) => endError(end, plugin, hook, timeoutMs),
    (outcome) => ({ kind: 'answered', outcome }),
    (error) => ({ kind: 'failed', error }),
  );
}

/**
 * Several plugins in one round trip. Each has its deadline at their server; what ends the call as a whole is the outcome
 * of the first of them. Never rejects.
 */
export async function callChain(
  chain: Chain,
  call: ChainCall,
  { signal, payloadJson }: Pick<CallLimits, 'signal' | 'payloadJson'>,
): Promise<readonly Outcome[]> {
  const first = call.steps[0]?.plugin;
  if (first === undefined) return [];
  return withDeadline<readonly Outcome[], readonly Outcome[]>(
    (scope) => chain.invoke(call, { scope, payloadJson }),
    { timeoutMs: call.timeoutMs + chainBudgetMs, signal },
    (end) => endError(end, first, call.hook, call.timeoutMs),
    (outcomes) => outcomes,
    (error) => [{ kind: 'failed', error }],
  );
}

/** How a call ends before its answer. */
type End = 'late' | 'cancelled';

function endError(end: End, { name: plugin }: PluginHandle, hook: string, timeoutMs: number): SallyError {
  return end === 'late'
    ? PluginTimeout({ plugin, hook, seconds: timeoutMs / 1000 })
    : CallCancelled({ plugin, hook });
}

/** Asked again after others have run. */
const isAborted = (signal: Cancellation | undefined): boolean => signal?.aborted === true;

function withDeadline<A, T>(
  begin: (scope: Cancellation) => A | Promise<A>,
  { timeoutMs, signal }: Pick<CallLimits, 'timeoutMs' | 'signal'>,
  errorOf: (end: End) => SallyError,
  answered: (answer: A) => T,
  failed: (error: SallyError) => T,
): T | Promise<T> {
  if (signal?.aborted) return failed(errorOf('cancelled'));
  const scope = new CancelSource();
  const thrown = (error: unknown) =>
    failed(findSallyError(error) ?? InternalError({ detail: messageOf(error) }, error));
  let begun: A | Promise<A>;
  try {
    begun = begin(scope);
  } catch (error) {
    return thrown(error);
  }
  if (!(begun instanceof Promise) && !isAborted(signal)) return answered(begun);
  const work = begun instanceof Promise ? begun : Promise.resolve(begun);
  return new Promise((resolve) => {
    let unheard: (() => void) | undefined;
    let ended = false;
    const settle = (outcome: T) => {
      if (ended) return;
      clearTimeout(timer);
      unheard?.();
      resolve(outcome);
    };
    // The plugin may ignore its signal: whoever waits is let go all the same, but not before the connection that the
    // call was on has heard of its end: the next call on it begins with that.
    const stop = (end: End) => {
      const error = errorOf(end);
      clearTimeout(timer);
      unheard?.();
      ended = true;
      scope.abort(error);
      setImmediate(() => resolve(failed(error)));
    };
    const timer = setTimeout(() => stop('late'), timeoutMs);
    unheard = signal && onAbort(signal, () => stop('cancelled'));
    work.then(
      (answer) => settle(answered(answer)),
      (error: unknown) => settle(thrown(error)),
    );
  });
}
