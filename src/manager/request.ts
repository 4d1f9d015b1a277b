import { isDeepStrictEqual } from 'node:util';
import type { Cancellation } from '../cancel.js';
import type { PluginSettings } from '../config/index.js';
import {
  CallCancelled,
  HookNotImplemented,
  HookUnknown,
  InternalError,
  PluginAway,
  PluginFailed,
  PluginsClosed,
  type SallyError,
} from '../errors.js';
import {
  type GlobalContext,
  type HookName,
  hookMeant,
  hookRow,
  jsonCopy,
  type ModifiedOf,
  nextPayload,
  type PayloadOf,
  type PluginContext,
  readGlobalContext,
  type Violation,
} from '../hooks/index.js';
import type { Logger } from '../log.js';
import { wantsWhole } from '../plugin/content.js';
import type { HandleCall, Outcome, PluginHandle } from '../plugin/handle.js';
import {
  type CallObservation,
  type CallObserver,
  callerIds,
  type HookCallEnd,
  type SpanIds,
} from '../telemetry/index.js';
import {
  type Ahead,
  bandEnd,
  callChain,
  callPlugin,
  chainFrom,
  checkPayload,
  type SharedParts,
  sharedParts,
  withGlobalOf,
} from './call.js';
import { changeOf, type Decided, type Decision, decide, type PluginList, type Selected } from './decide.js';

/** What all plugins of a hook together made of a payload. */
export interface HookCallResult<P = unknown, M = unknown> {
  /** False where a plugin blocked: `violation` says why, where the plugin did. */
  readonly continue_processing: boolean;
  /** The payload as the last plugin left it; the one that was given where nobody changed it. */
  readonly payload: P;
  /**
   * What the plugins changed, in the form that the hook has for it: the payload, a header map, a user, a
   * permission. Null where nobody changed anything.
   */
  readonly modified_payload: M | null;
  /** `plugin_name` names the plugin that blocked. */
  readonly violation: Violation | null;
  /** What the plugins reported, the later over the earlier. */
  readonly metadata: Record<string, unknown>;
  /** What plugins want a person to be asked before the request goes on, where the caller `asks`; absent where nothing. */
  readonly asks?: readonly Violation[];
}

export interface InvokeOptions {
  readonly signal?: Cancellation;
  /** Watches the calls, in place of the observer that the manager was opened with. */
  readonly observed?: CallObserver | undefined;
  /** Headers that go with the calls of plugins behind a connection, where whoever watches has none. */
  readonly headers?: HandleCall['headers'];
  /**
   * Whether the caller asks a person where a plugin wants that: the other plugins run, and what was asked for is in the result.
   * Default: it is a block.
   */
  readonly asks?: boolean;
}

/** What a request works with; the manager that made it owns all of it. */
interface RequestDeps {
  readonly list: PluginList;
  readonly settings: PluginSettings;
  readonly log: Logger;
  /** Watches calls that nobody else watches. */
  readonly observer?: CallObserver | undefined;
  /** Whether plugins of one server are called in one round trip, where it takes that. Default true. */
  readonly chains?: boolean | undefined;
  /** Whether the manager was closed: its plugins are called no more. */
  closed: boolean;
  /** Plugins that `on_error: disable` has taken out of service. */
  readonly outOfService: Set<PluginHandle>;
}

/**
 * The plugins' view of one request of an MCP client. It carries the contexts: a plugin's own `state` lives from its
 * pre-hook to its post-hook, and `global.state` and `global.metadata` flow from plugin to plugin.
 */
export class PluginRequest {
  readonly global: GlobalContext;
  /** The plugin at which the last hook call ended, blocked or failed. */
  endedBy: string | undefined;
  readonly #deps: RequestDeps;
  readonly #contexts = new Map<PluginHandle, Pick<PluginContext, 'state' | 'metadata'>>();

  constructor(global: GlobalContext, deps: RequestDeps) {
    this.global = global;
    this.#deps = deps;
  }

  /**
   * Runs every plugin that applies, in priority order, each on the payload as the one before left it.
   *
   * With `parallel_execution_within_band` those of one priority run at once, and their changes are merged.
   *
   * @throws SallyError where the contract has no such hook (`SALLY_HOOK_UNKNOWN`), where the payload is not the hook's
   *   (`SALLY_HOOK_PAYLOAD`) or too large (`SALLY_HOOK_PAYLOAD_SIZE`), where a plugin fails and its mode says that this ends
   *   the request, or where two plugins of a band are at odds (`SALLY_PLUGIN_CLASH`).
   */
  invoke<H extends HookName, P extends PayloadOf<H>>(
    hook: H,
    payload: P,
    options?: InvokeOptions,
  ): Promise<HookCallResult<P, ModifiedOf<H>>> {
    if (hookRow(hook) === undefined)
      return Promise.reject(HookUnknown({ where: 'the caller', hook, meant: hookMeant(hook) }));
    return this.invokeForeign(hook, payload, options) as Promise<HookCallResult<P, ModifiedOf<H>>>;
  }

  /** The same for a hook of any name: one that the contract does not have is carried through, its payload unchecked. */
  async invokeForeign<P>(
    hook: string,
    payload: P,
    { signal, observed = this.#deps.observer, headers, asks = false }: InvokeOptions = {},
  ): Promise<HookCallResult<P>> {
    const { list, settings, outOfService, chains, closed } = this.#deps;
    if (closed) throw PluginsClosed({ hook });
    const applying = list.select(hook, payload, this.global);
    const selected =
      outOfService.size === 0 ? applying : applying.filter(({ plugin }) => !outOfService.has(plugin));
    this.endedBy = undefined;
    const parallel = settings.parallelExecutionWithinBand;
    const limit = settings.maxPayloadBytes;
    const wanted = selected.some(({ plugin }) => wantsWhole(plugin.wanted, hook, limit));
    const payloadJson = checkPayload(hook, payload, wanted, limit);
    const unchanged = { modified: null, metadata: {} };
    const run: HookRun = { hook, payload, payloadJson, ...unchanged, signal, observed, headers, asks };
    let asked: Violation[] | undefined;
    let ahead: Ahead | undefined;
    let blocked: Decided | undefined;
    for (let at = 0, end = 0; at < selected.length && blocked === undefined; at = end) {
      end = parallel ? bandEnd(selected, at) : at + 1;
      const one = selected[at] as Selected;
      if ((ahead === undefined || ahead.outcomes.length === 0) && end < selected.length && chains !== false) {
        const chained = chainFrom(selected, at, parallel, hook);
        ahead = chained.length > 1 ? await this.#callAhead(chained, run) : undefined;
      }
      const next = ahead?.outcomes.shift();
      let decided: readonly Decided[];
      if (ahead && next) {
        decided = [this.#conclude(one, run, next.outcome, ahead.before, next.observed)];
        ahead.before = withGlobalOf(ahead.before, next.outcome);
      } else if (end === at + 1 && one.effect.awaited) {
        decided = [await this.#call(one, run, sharedParts(this.global))];
      } else {
        decided = await this.#callBand(selected.slice(at, end), run);
      }
      let failed: SallyError | undefined;
      for (const one of decided) {
        if (one.decision.kind === 'fail') failed ??= one.decision.error;
        else if (one.decision.kind === 'block') blocked ??= one;
        else if (one.decision.kind === 'ask') {
          asked ??= [];
          asked.push({ ...one.decision.violation, plugin_name: one.plugin.name });
        }
      }
      if (failed || blocked)
        for (const { observed } of ahead?.outcomes ?? []) observed?.end({ decision: 'skipped' });
      if (failed) throw failed;
      if (blocked === undefined) take(run, decided);
    }
    const violation = blocked?.decision.kind === 'block' ? blocked.decision.result.violation : undefined;
    return {
      continue_processing: blocked === undefined,
      payload: run.payload as P,
      modified_payload: run.modified,
      violation: violation ? { ...violation, plugin_name: blocked?.plugin.name } : null,
      metadata: run.metadata,
      ...(asked && blocked === undefined && { asks: asked }),
    };
  }

  /** Calls plugins that follow each other in one round trip, before it is known which of them the request will come to. */
  async #callAhead(selected: readonly Selected[], run: HookRun): Promise<Ahead> {
    const { hook, payload } = run;
    const chain = selected[0]?.plugin.chainFor?.(hook);
    const before = sharedParts(this.global);
    if (chain === undefined) return { outcomes: [], before };
    const { request_id: request } = this.global;
    const observed = selected.map(({ plugin: { name: plugin } }) =>
      run.observed?.hookCall?.({ plugin, hook, request, external: true }),
    );
    const steps = selected.map(({ plugin, effect }, i) => ({
      plugin,
      effect,
      own: this.#contexts.get(plugin),
      traceparent: observed[i]?.headers?.['traceparent'],
    }));
    const timeoutMs = this.#deps.settings.pluginTimeoutMs;
    const call = { hook, payload, global: { ...this.global, ...before }, timeoutMs, steps };
    const outcomes = await callChain(chain, call, { ...run, headers: observed[0]?.headers ?? run.headers });
    for (const one of observed.slice(outcomes.length)) one?.end({ decision: 'skipped' });
    return { outcomes: outcomes.map((outcome, i) => ({ outcome, observed: observed[i] })), before };
  }

  /** All plugins of a band on the same payload, at once; those that nobody waits for are left to themselves. */
  async #callBand(band: readonly Selected[], run: HookRun): Promise<Decided[]> {
    const before = sharedParts(this.global);
    const decided = band.map((one) => this.#call(one, run, before));
    return Promise.all(decided.filter((_, i) => band[i]?.effect.awaited));
  }

  async #call(one: Selected, run: HookRun, before: SharedParts): Promise<Decided> {
    const { plugin, effect } = one;
    const { hook, payload, payloadJson } = run;
    const { request_id: request } = this.global;
    const external = plugin.reachable !== undefined;
    const observed = run.observed?.hookCall?.({ plugin: plugin.name, hook, request, external });
    const own = this.#contexts.get(plugin);
    const context: PluginContext = {
      state: own?.state ?? {},
      metadata: own?.metadata ?? {},
      global_context: { ...this.global },
    };
    const timeoutMs = this.#deps.settings.pluginTimeoutMs;
    const signal = effect.awaited ? run.signal : undefined;
    let outcome: Outcome = await callPlugin(plugin, hook, payload, context, {
      timeoutMs,
      signal,
      payloadJson,
      headers: observed?.headers ?? run.headers,
    });
    // Tried because its hooks were not known while its server was away; this is not one of them.
    if (outcome.kind === 'failed' && HookNotImplemented.is(outcome.error))
      outcome = { kind: 'answered', outcome: { result: { continue_processing: true }, context } };
    return this.#conclude(one, run, outcome, before, observed);
  }

  /** What an outcome of a plugin means for the request, and what is kept of it. */
  #conclude(
    { plugin, effect }: Selected,
    { hook, metadata, headers, asks }: HookRun,
    outcome: Outcome,
    before: SharedParts,
    observed: CallObservation<HookCallEnd> | undefined,
  ): Decided {
    if (outcome.kind === 'failed' && CallCancelled.is(outcome.error)) {
      // The caller's doing: no failure of the plugin, and nobody to go on for.
      observed?.end({ decision: 'cancelled', error: outcome.error });
      return { plugin, decision: { kind: 'fail', error: outcome.error } };
    }
    if (outcome.kind === 'answered' && effect.awaited) {
      this.#remember(plugin, before, outcome.outcome.context);
      Object.assign(metadata, outcome.outcome.result.metadata);
    }
    const decision = decide(effect, outcome, asks);
    if (decision.kind !== 'continue' || decision.note !== undefined)
      this.#report(plugin, hook, decision, observed?.span ?? callerIds(headers, undefined));
    if (decision.kind === 'block' || decision.kind === 'fail') this.endedBy = plugin.name;
    observed?.end(endOf(decision, outcome.tookMs));
    return { plugin, decision };
  }

  /** What a plugin changed of the shared state since the band began; what it left alone may have been changed by another. */
  #remember(plugin: PluginHandle, before: SharedParts, after: PluginContext): void {
    this.#contexts.set(plugin, { state: after.state, metadata: after.metadata });
    for (const part of ['state', 'metadata'] as const) {
      const now = after.global_context[part];
      if (now === before[part] || now === this.global[part]) continue;
      for (const [key, value] of Object.entries(now)) {
        const old = before[part][key];
        if (value === old || isDeepStrictEqual(value, old)) continue;
        // Assigned, `__proto__` would be the prototype of what all plugins share.
        const field = { value, writable: true, enumerable: true, configurable: true };
        Object.defineProperty(this.global[part], key, field);
      }
    }
  }

  /** Logs what ends the request, or would have ended it under a stricter mode. */
  #report(plugin: PluginHandle, hook: string, decision: Decision, span: SpanIds | undefined): void {
    const { log, outOfService } = this.#deps;
    const fields = { plugin: plugin.name, hook, request: this.global.request_id, ...span };
    const failure = (error: SallyError) => ({
      ...fields,
      code: error.code,
      ...(PluginFailed.is(error) && {
        plugin_code: error.context.pluginCode,
        details: error.context.details,
      }),
      remedy: error.remedy,
    });
    if (decision.kind === 'block') {
      log.info({ ...fields, violation: decision.result.violation?.code }, 'blocked by a plugin');
    } else if (decision.kind === 'ask') {
      log.info({ ...fields, violation: decision.violation.code }, 'a plugin wants a person to be asked');
    } else if (decision.kind === 'fail') {
      log.error(failure(decision.error), `the request ends: ${decision.error.message}`);
    } else if (decision.note?.kind === 'violation') {
      log.warn(
        { ...fields, violation: decision.note.violation?.code },
        'a plugin would have blocked under enforce',
      );
    } else if (decision.note?.kind === 'error') {
      // One that is away was logged as it went: a line a call would say nothing more.
      const level = PluginAway.is(decision.note.error) ? 'debug' : 'warn';
      log[level](failure(decision.note.error), `the request goes on: ${decision.note.error.message}`);
      if (plugin.onError === 'disable') {
        outOfService.add(plugin);
        log.error(fields, 'on_error is disable: the plugin is out of service until the next start');
      }
    }
  }
}

/** A context as it would come over a wire: it shares nothing with what the caller holds. */
export function checkedGlobal(given: GlobalContext): GlobalContext {
  const copy = jsonCopy(given);
  const read = copy.ok ? readGlobalContext(copy.data) : copy;
  if (read.ok) return read.data;
  throw InternalError({ detail: `no context of a request: ${read.problems.join('; ')}` });
}

/** A call of a hook on its way through the plugins: what it has become so far, and what they all are told. */
interface HookRun {
  readonly hook: string;
  payload: unknown;
  /** The payload as JSON, while it is the one that was checked. */
  payloadJson: string | undefined;
  /** What the plugins changed, in the form that the hook has for it. */
  modified: unknown;
  readonly metadata: Record<string, unknown>;
  readonly signal: Cancellation | undefined;
  readonly observed: CallObserver | undefined;
  readonly headers: HandleCall['headers'];
  readonly asks: boolean;
}

/** Goes on with what the plugins of a band changed. */
function take(run: HookRun, decided: readonly Decided[]): void {
  const changed = changeOf(run.hook, run.payload, run.modified, decided);
  if (changed === undefined) return;
  run.modified = changed;
  const payload = nextPayload(run.hook, run.payload, changed);
  if (payload !== run.payload) run.payloadJson = undefined;
  run.payload = payload;
}

/** A decision as observers are told of it. */
function endOf(decision: Decision, tookMs: number | undefined): HookCallEnd {
  if (decision.kind === 'block') {
    const { code, reason } = decision.result.violation ?? {};
    return { decision: 'blocked', violation: code ?? undefined, reason: reason ?? undefined, tookMs };
  }
  if (decision.kind === 'ask') {
    const { code, reason } = decision.violation;
    return { decision: 'asked', violation: code ?? undefined, reason: reason ?? undefined, tookMs };
  }
  if (decision.kind === 'fail') return { decision: 'failed', error: decision.error, tookMs };
  const { note, modified } = decision;
  if (note === undefined) return { decision: modified === undefined ? 'continue' : 'modified', tookMs };
  return note.kind === 'error'
    ? { decision: 'noted', error: note.error, tookMs }
    : { decision: 'noted', violation: note.violation?.code, reason: note.violation?.reason, tookMs };
}
