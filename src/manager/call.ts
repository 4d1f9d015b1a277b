import { type Cancellation, CancelSource } from '../cancel.js';
import {
  asSallyError,
  CallCancelled,
  messageOf,
  PayloadInvalid,
  PayloadTooLarge,
  PluginTimeout,
  type SallyError,
} from '../errors.js';
import { type GlobalContext, type PluginContext, readPayload } from '../hooks/index.js';
import { beyondLimits, writeJson } from '../json/index.js';
import type { Chain, ChainCall, HandleCall, OneOutcome, Outcome, PluginHandle } from '../plugin/handle.js';
import type { CallObservation, HookCallEnd } from '../telemetry/index.js';
import { chainBudgetMs } from '../wire/index.js';
import type { Selected } from './decide.js';

/** How long a call may take and who may end it before, and what else the plugin is told of it. */
export interface CallLimits extends Omit<HandleCall, 'signal'> {
  readonly timeoutMs: number;
  readonly signal: Cancellation | undefined;
}

/** What came of a call that had a deadline. */
type Ended<A> =
  | { readonly kind: 'answered'; readonly outcome: A }
  | { readonly kind: 'failed'; readonly error: SallyError };

/**
 * One call of one plugin, with its deadline. Never throws or rejects: what went wrong is the outcome. A plugin that
 * returns at once costs no timer and no promise.
 */
export function callPlugin(
  plugin: PluginHandle,
  hook: string,
  payload: unknown,
  context: PluginContext,
  { timeoutMs, signal, owned = false, payloadJson, headers }: CallLimits,
): OneOutcome | Promise<OneOutcome> {
  const called = { plugin: plugin.name, hook, timeoutMs };
  if (signal?.aborted) return { kind: 'failed', error: CallCancelled(called) };
  const inner = new CancelSource();
  try {
    const begun = plugin.invoke(hook, payload, context, { signal: inner, owned, payloadJson, headers });
    if (!(begun instanceof Promise) && !signal?.aborted) return { kind: 'answered', outcome: begun };
    return waitFor(Promise.resolve(begun), called, inner, timeoutMs, signal);
  } catch (error) {
    return thrownBy(error);
  }
}

/**
 * Several plugins in one round trip. Each has its deadline at their server; what ends the call as a whole is the outcome
 * of the first of them. Never rejects.
 */
export async function callChain(
  chain: Chain,
  call: ChainCall,
  { signal, payloadJson, headers }: Pick<CallLimits, 'signal' | 'payloadJson' | 'headers'>,
): Promise<readonly Outcome[]> {
  const { hook, timeoutMs } = call;
  const plugin = call.steps[0]?.plugin.name;
  if (plugin === undefined) return [];
  const called = { plugin, hook, timeoutMs };
  if (signal?.aborted) return [{ kind: 'failed', error: CallCancelled(called) }];
  const inner = new CancelSource();
  const work = chain.invoke(call, { signal: inner, payloadJson, headers });
  const ended = await waitFor(work, called, inner, timeoutMs + chainBudgetMs, signal);
  return ended.kind === 'failed' ? [ended] : ended.outcome;
}

function thrownBy(error: unknown): { readonly kind: 'failed'; readonly error: SallyError } {
  return {
    kind: 'failed',
    error: asSallyError(error),
  };
}

/** Waits for a call to its end, its deadline, or that of its caller. Never rejects. */
function waitFor<A>(
  work: Promise<A>,
  { plugin, hook, timeoutMs }: { plugin: string; hook: string; timeoutMs: number },
  inner: CancelSource,
  deadlineMs: number,
  signal: Cancellation | undefined,
): Promise<Ended<A>> {
  return new Promise((resolve) => {
    let stopped = false;
    // The plugin may ignore its signal: whoever waits is let go all the same, but not before the connection that the
    // call was on has heard of its end: the next call on it begins with that.
    const stop = (error: SallyError) => {
      stopped = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', cancelled);
      inner.abort(error);
      setImmediate(() => resolve({ kind: 'failed', error }));
    };
    const late = () => stop(PluginTimeout({ plugin, hook, seconds: timeoutMs / 1000 }));
    const timer = setTimeout(late, deadlineMs);
    const cancelled = () => stop(CallCancelled({ plugin, hook }));
    if (signal?.aborted) cancelled();
    else signal?.addEventListener('abort', cancelled);
    const settle = (ended: Ended<A>) => {
      if (stopped) return;
      clearTimeout(timer);
      signal?.removeEventListener('abort', cancelled);
      resolve(ended);
    };
    work.then(
      (outcome) => settle({ kind: 'answered', outcome }),
      (error: unknown) => settle(thrownBy(error)),
    );
  });
}

/** What all plugins of a request share. */
export type SharedParts = Pick<GlobalContext, 'state' | 'metadata'>;

export const sharedParts = ({ state, metadata }: GlobalContext): SharedParts => ({
  state: { ...state },
  metadata: { ...metadata },
});

/** Outcomes of plugins that the request has not come to yet, and the shared state that the next of them was given. */
export interface Ahead {
  readonly outcomes: {
    readonly outcome: Outcome;
    readonly observed: CallObservation<HookCallEnd> | undefined;
  }[];
  before: SharedParts;
}

/** The shared state that the plugin after this one was given. */
export function withGlobalOf(before: SharedParts, outcome: Outcome): SharedParts {
  if (outcome.kind !== 'answered') return before;
  const { state, metadata } = outcome.outcome.context.global_context;
  if (state === before.state && metadata === before.metadata) return before;
  return { state: { ...before.state, ...state }, metadata: { ...before.metadata, ...metadata } };
}

/** The plugins from here on that may be called in one round trip: one after another, waited for, of one chain. */
export function chainFrom(
  selected: readonly Selected[],
  from: number,
  parallel: boolean,
  hook: string,
): readonly Selected[] {
  const chain = selected[from]?.plugin.chainFor?.(hook);
  let to = from;
  for (; chain !== undefined && to < selected.length; to += 1) {
    const { plugin, effect } = selected[to] as Selected;
    const alone = !parallel || bandEnd(selected, to) === to + 1;
    // One that does not see all of it is called by itself.
    if (!alone || !effect.awaited || plugin.wanted || plugin.chainFor?.(hook) !== chain) break;
  }
  return selected.slice(from, to);
}

/** Where the plugins end that run together with the one at `from`: all of its priority. */
export function bandEnd(selected: readonly Selected[], from: number): number {
  let end = from + 1;
  const priority = selected[from]?.plugin.priority;
  while (end < selected.length && selected[end]?.plugin.priority === priority) end += 1;
  return end;
}

/** Payloads above this are refused before any plugin sees them (a rule of the contract), in bytes of JSON; settings may say otherwise. */
export const maxPayloadBytes = 1_000_000;

/**
 * A payload that no plugin could read is the caller's mistake, whatever the modes say. Returns its JSON: written to be
 * measured, and then sent as it was measured; nothing where no plugin wants it.
 */
export function checkPayload(
  hook: string,
  payload: unknown,
  wanted = true,
  limit: number = maxPayloadBytes,
): string | undefined {
  const read = readPayload(hook, payload);
  if (!read.ok) throw PayloadInvalid({ hook, problems: read.problems });
  if (!wanted) return undefined;
  let json: string;
  try {
    json = writeJson(payload);
  } catch (error) {
    throw PayloadInvalid({ hook, problems: [messageOf(error)] }, error);
  }
  // What came from a client was within the limits; a program that calls by itself has other ways to make values.
  const beyond = beyondLimits(payload);
  if (beyond !== undefined) throw PayloadInvalid({ hook, problems: [beyond] });
  // No character has more than three bytes per unit of a string's length.
  const bytes = json.length * 3 <= limit ? 0 : Buffer.byteLength(json);
  if (bytes > limit) throw PayloadTooLarge({ hook, bytes, limit });
  return json || undefined;
}
