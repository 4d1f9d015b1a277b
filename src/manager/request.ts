import { isDeepStrictEqual } from 'node:util';
import type { Cancellation } from '../cancel.js';
import type { PluginSettings } from '../config/index.js';
import {
  CallCancelled,
  HookNotImplemented,
  InternalError,
  PluginAway,
  PluginFailed,
  type SallyError,
} from '../errors.js';
import {
  type GlobalContext,
  jsonCopy,
  nextPayload,
  type PluginContext,
  readGlobalContext,
  type Violation,
} from '../hooks/index.js';
import type { Logger } from '../log.js';
import type { Outcome, PluginHandle } from '../plugin/handle.js';
import { type Ahead, chainFrom, type SharedParts, sharedParts, withGlobalOf } from './ahead.js';
import { bands, changeOf, type Decided } from './bands.js';
import { callChain, callPlugin } from './call.js';
import { decide } from './decide.js';
import { checkPayload } from './payload.js';
import type { Roster } from './roster.js';
import type { Selected } from './select.js';

/** What all plugins of a hook together made of a payload. */
export interface HookCallResult<P = unknown> {
  /** False where a plugin blocked: `violation` says why, where the plugin did. */
  readonly continue_processing: boolean;
  /** The payload as the last plugin left it; the one that was given where nobody changed it. */
  readonly payload: P;
  /**
   * What the plugins changed, in the form that the hook has for it: the payload, a header map, a user, a
   * permission. Null where nobody changed anything.
   */
  readonly modified_payload: unknown;
  /** `plugin_name` names the plugin that blocked. */
  readonly violation: Violation | null;
  /** What the plugins reported, the later over the earlier. */
  readonly metadata: Record<string, unknown>;
}

/** What one plugin did in a hook call: a line of the access log. */
export interface PluginRun {
  readonly plugin: string;
  readonly hook: string;
  /** `noted`: it would have ended the request under a stricter mode. */
  readonly decision: 'continue' | 'modified' | 'blocked' | 'failed' | 'noted';
  /** Plugins that were called in one round trip share its time. */
  readonly ms: number;
}

interface InvokeOptions {
  readonly signal?: Cancellation;
  /** Hears of every plugin that ran, as it is done. */
  readonly onPlugin?: (run: PluginRun) => void;
}

/** What a request works with; the manager that made it owns all of it. */
interface RequestDeps {
  readonly roster: Roster;
  readonly settings: PluginSettings;
  readonly log: Logger;
  /** Whether plugins of one server are called in one round trip, where it takes that. Default true. */
  readonly chains?: boolean | undefined;
  /** Plugins that `on_error: disable` has taken out of service. */
  readonly outOfService: Set<PluginHandle>;
}

/**
 * The plugins' view of one request of an MCP client. It carries the contexts: a plugin's own `state` lives from its
 * pre-hook to its post-hook, and `global.state` and `global.metadata` flow from plugin to plugin.
 */
export class PluginRequest {
  readonly global: GlobalContext;
  readonly #deps: RequestDeps;
  readonly #contexts = new Map<PluginHandle, Pick<PluginContext, 'state' | 'metadata'>>();

  constructor(global: GlobalContext, deps: RequestDeps) {
    const copy = jsonCopy(global);
    const read = copy.ok ? readGlobalContext(copy.data) : copy;
    if (!read.ok) throw InternalError({ detail: `no context of a request: ${read.problems.join('; ')}` });
    this.global = read.data;
    this.#deps = deps;
  }

  /**
   * Runs every plugin that applies, in priority order, each on the payload as the one before left it.
   *
   * With `parallel_execution_within_band` those of one priority run at once, and their changes are merged.
   *
   * @throws SallyError where a plugin fails and its mode says that this ends the request, where the payload is too
   *   large (`SALLY_HOOK_PAYLOAD_SIZE`), or where two plugins of a band are at odds (`SALLY_PLUGIN_CLASH`).
   */
  async invoke<P>(hook: string, payload: P, options: InvokeOptions = {}): Promise<HookCallResult<P>> {
    const { roster, settings, outOfService } = this.#deps;
    const applying = roster.select(hook, payload, this.global);
    const selected =
      outOfService.size === 0 ? applying : applying.filter(({ plugin }) => !outOfService.has(plugin));
    const json = selected.length > 0 ? checkPayload(hook, payload) : undefined;
    let current: unknown = payload;
    let answer: unknown = null;
    const metadata: Record<string, unknown> = {};
    const end = (continue_processing: boolean, violation: Violation | null): HookCallResult<P> => {
      return { continue_processing, payload: current as P, modified_payload: answer, violation, metadata };
    };
    const all = bands(selected, settings.parallelExecutionWithinBand);
    let ahead: Ahead | undefined;
    for (const [at, band] of all.entries()) {
      const given = { value: current, json: current === payload ? json : undefined };
      const only = band.length === 1 ? band[0] : undefined;
      if (ahead === undefined || ahead.outcomes.length === 0) {
        const chained = this.#deps.chains === false ? [] : chainFrom(all, at, hook);
        ahead = chained.length > 1 ? await this.#callAhead(chained, hook, given, options.signal) : undefined;
      }
      const outcome = ahead?.outcomes.shift();
      if (ahead && only && outcome?.kind === 'untouched') {
        options.onPlugin?.(lineOf(only.plugin, hook, 'continue', ahead.ms));
        continue;
      }
      const decisions =
        ahead && outcome && only
          ? [
              this.#conclude(only, hook, outcome, {
                before: ahead.before,
                metadata,
                ms: ahead.ms,
                onPlugin: options.onPlugin,
              }),
            ]
          : await this.#runBand(band, hook, given, metadata, options);
      if (ahead && outcome) ahead.before = withGlobalOf(ahead.before, outcome);
      const failed = decisions.find(({ decision }) => decision.kind === 'fail');
      if (failed?.decision.kind === 'fail') throw failed.decision.error;
      const blocked = decisions.find(({ decision }) => decision.kind === 'block');
      if (blocked?.decision.kind === 'block') {
        const { violation } = blocked.decision.result;
        return end(false, violation ? { ...violation, plugin_name: blocked.plugin.name } : null);
      }
      const changed = changeOf(hook, current, answer, decisions);
      if (changed !== undefined) {
        answer = changed;
        current = nextPayload(hook, current, changed);
      }
    }
    return end(true, null);
  }

  /** Calls plugins that follow each other in one round trip, before it is known which of them the request will come to. */
  async #callAhead(
    selected: readonly Selected[],
    hook: string,
    { value: payload, json: payloadJson }: GivenPayload,
    signal: Cancellation | undefined,
  ): Promise<Ahead> {
    const chain = selected[0]?.plugin.chainFor?.(hook);
    const before = sharedParts(this.global);
    if (chain === undefined) return { outcomes: [], before, ms: 0 };
    const began = performance.now();
    const steps = selected.map(({ plugin, effect }) => ({
      plugin,
      effect,
      own: this.#contexts.get(plugin),
    }));
    const timeoutMs = this.#deps.settings.pluginTimeoutMs;
    const call = { hook, payload, global: { ...this.global, ...before }, timeoutMs, steps };
    const outcomes = [...(await callChain(chain, call, { signal, payloadJson }))];
    return { outcomes, before, ms: performance.now() - began };
  }

  /** All plugins of a band on the same payload, at once; those that nobody waits for are left to themselves. */
  async #runBand(
    band: readonly Selected[],
    hook: string,
    payload: GivenPayload,
    metadata: Record<string, unknown>,
    { signal, onPlugin }: InvokeOptions,
  ): Promise<Decided[]> {
    const before = sharedParts(this.global);
    const run = async (one: Selected) => {
      const began = performance.now();
      const outcome = await this.#call(one.plugin, hook, payload, one.effect.awaited ? signal : undefined);
      return this.#conclude(one, hook, outcome, {
        before,
        metadata,
        ms: performance.now() - began,
        onPlugin,
      });
    };
    const [only, ...others] = band;
    if (only?.effect.awaited && others.length === 0) return [await run(only)];
    const decided = band.map(run);
    return Promise.all(decided.filter((_, i) => band[i]?.effect.awaited));
  }

  /** What an outcome of a plugin means for the request, and what is kept of it. */
  #conclude(
    { plugin, effect }: Selected,
    hook: string,
    outcome: Outcome,
    { before, metadata, ms, onPlugin }: Around,
  ): Decided {
    if (outcome.kind === 'failed' && CallCancelled.is(outcome.error)) {
      // The caller's doing: no failure of the plugin, and nobody to go on for.
      return { plugin, decision: { kind: 'fail', error: outcome.error } };
    }
    if (outcome.kind === 'answered' && effect.awaited) {
      this.#remember(plugin, before, outcome.outcome.context);
      Object.assign(metadata, outcome.outcome.result.metadata);
    }
    const decision = decide(effect, outcome);
    this.#report({ plugin, effect }, hook, decision);
    onPlugin?.(lineOf(plugin, hook, decisionName(decision), ms));
    return { plugin, decision };
  }

  async #call(
    plugin: PluginHandle,
    hook: string,
    { value: payload, json: payloadJson }: GivenPayload,
    signal: Cancellation | undefined,
  ): Promise<Outcome> {
    const { state, metadata } = this.#contexts.get(plugin) ?? { state: {}, metadata: {} };
    const context: PluginContext = { state, metadata, global_context: { ...this.global } };
    const timeoutMs = this.#deps.settings.pluginTimeoutMs;
    const outcome = await callPlugin(plugin, hook, payload, context, { timeoutMs, signal, payloadJson });
    // Tried because its hooks were not known while its server was away; this is not one of them.
    if (outcome.kind === 'failed' && HookNotImplemented.is(outcome.error)) {
      return { kind: 'answered', outcome: { result: { continue_processing: true }, context } };
    }
    return outcome;
  }

  /** What a plugin changed of the shared state since the band began; what it left alone may have been changed by another. */
  #remember(plugin: PluginHandle, before: SharedParts, after: PluginContext): void {
    this.#contexts.set(plugin, { state: after.state, metadata: after.metadata });
    for (const part of ['state', 'metadata'] as const) {
      const now = after.global_context[part];
      if (now === before[part] || now === this.global[part]) continue;
      for (const [key, value] of Object.entries(now)) {
        const old = before[part][key];
        if (value !== old && !isDeepStrictEqual(value, old)) this.global[part][key] = value;
      }
    }
  }

  #report({ plugin }: Selected, hook: string, decision: ReturnType<typeof decide>): void {
    const { log, outOfService } = this.#deps;
    if (decision.kind === 'continue' && decision.note === undefined) return;
    const fields = { plugin: plugin.name, hook, request: this.global.request_id };
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

const lineOf = (
  { name: plugin }: PluginHandle,
  hook: string,
  decision: PluginRun['decision'],
  ms: number,
): PluginRun => ({ plugin, hook, decision, ms: Math.round(ms * 100) / 100 });

function decisionName(decision: ReturnType<typeof decide>): PluginRun['decision'] {
  if (decision.kind === 'block') return 'blocked';
  if (decision.kind === 'fail') return 'failed';
  if (decision.note !== undefined) return 'noted';
  return decision.modified === undefined ? 'continue' : 'modified';
}

/** What the conclusion of a call needs beside its outcome. */
interface Around {
  /** The shared state before the band began. */
  readonly before: SharedParts;
  /** What the plugins have reported so far. */
  readonly metadata: Record<string, unknown>;
  readonly ms: number;
  readonly onPlugin: InvokeOptions['onPlugin'];
}

/** A payload on its way to a plugin, with its JSON where that is known. */
interface GivenPayload {
  readonly value: unknown;
  readonly json: string | undefined;
}
