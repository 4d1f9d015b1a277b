import { isDeepStrictEqual } from 'node:util';
import type { PluginSettings } from '../config/index.js';
import {
  CallCancelled,
  ChangesClash,
  HookNotImplemented,
  messageOf,
  PayloadInvalid,
  PayloadTooLarge,
  type SallyError,
} from '../errors.js';
import {
  GlobalContext,
  hookRow,
  nextPayload,
  type PluginContext,
  problemsOf,
  type Violation,
} from '../hooks/index.js';
import type { Logger } from '../log.js';
import type { PluginHandle } from '../plugin/handle.js';
import { callPlugin } from './call.js';
import { decide, type Outcome } from './decide.js';
import { mergeChanges } from './merge.js';
import { type Selected, select } from './select.js';

/** Payloads above this are refused before any plugin sees them (a rule of the contract), in bytes of JSON. */
export const maxPayloadBytes = 1_000_000;

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
  readonly ms: number;
}

interface InvokeOptions {
  readonly signal?: AbortSignal;
  /** Hears of every plugin that ran, as it is done. */
  readonly onPlugin?: (run: PluginRun) => void;
}

/** What a request works with; the manager that made it owns all of it. */
interface RequestDeps {
  readonly plugins: readonly PluginHandle[];
  readonly settings: PluginSettings;
  readonly log: Logger;
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
    this.global = GlobalContext.parse(structuredClone(global));
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
    const { plugins, settings, outOfService } = this.#deps;
    const inService =
      outOfService.size === 0 ? plugins : plugins.filter((plugin) => !outOfService.has(plugin));
    const selected = select(inService, hook, payload, this.global, settings);
    if (selected.length > 0) checkPayload(hook, payload);
    let current: unknown = payload;
    let answer: unknown = null;
    const metadata: Record<string, unknown> = {};
    const end = (more: Pick<HookCallResult, 'continue_processing' | 'violation'>): HookCallResult<P> => {
      return { ...more, payload: current as P, modified_payload: answer, metadata };
    };
    for (const band of bands(selected, settings.parallelExecutionWithinBand)) {
      const decisions = await this.#runBand(band, hook, current, metadata, options);
      const failed = decisions.find(({ decision }) => decision.kind === 'fail');
      if (failed?.decision.kind === 'fail') throw failed.decision.error;
      const blocked = decisions.find(({ decision }) => decision.kind === 'block');
      if (blocked?.decision.kind === 'block') {
        const { violation } = blocked.decision.result;
        const named = violation ? { ...violation, plugin_name: blocked.plugin.name } : null;
        return end({ continue_processing: false, violation: named });
      }
      const changed = changeOf(hook, current, answer, decisions);
      if (changed !== undefined) {
        answer = changed;
        current = nextPayload(hook, current, changed);
      }
    }
    return end({ continue_processing: true, violation: null });
  }

  /** All plugins of a band on the same payload, at once; those that nobody waits for are left to themselves. */
  async #runBand(
    band: readonly Selected[],
    hook: string,
    payload: unknown,
    metadata: Record<string, unknown>,
    { signal, onPlugin }: InvokeOptions,
  ): Promise<Decided[]> {
    const before = { state: { ...this.global.state }, metadata: { ...this.global.metadata } };
    const decided = band.map(async ({ plugin, effect }) => {
      const began = performance.now();
      const outcome = await this.#call(plugin, hook, payload, effect.awaited ? signal : undefined);
      if (outcome.kind === 'failed' && CallCancelled.is(outcome.error)) {
        // The caller's doing: no failure of the plugin, and nobody to go on for.
        return { plugin, decision: { kind: 'fail', error: outcome.error } as const };
      }
      if (outcome.kind === 'answered' && effect.awaited) {
        this.#remember(plugin, before, outcome.outcome.context);
        Object.assign(metadata, outcome.outcome.result.metadata);
      }
      const decision = decide(effect, outcome);
      this.#report({ plugin, effect }, hook, decision);
      const ms = Math.round((performance.now() - began) * 100) / 100;
      onPlugin?.({ plugin: plugin.name, hook, decision: decisionName(decision), ms });
      return { plugin, decision };
    });
    return Promise.all(decided.filter((_, i) => band[i]?.effect.awaited));
  }

  async #call(
    plugin: PluginHandle,
    hook: string,
    payload: unknown,
    signal: AbortSignal | undefined,
  ): Promise<Outcome> {
    const own = this.#contexts.get(plugin) ?? { state: {}, metadata: {} };
    const context: PluginContext = { ...own, global_context: { ...this.global } };
    const timeoutMs = this.#deps.settings.pluginTimeoutMs;
    const outcome = await callPlugin(plugin, hook, payload, context, { timeoutMs, signal });
    // Tried because its hooks were not known while its server was away; this is not one of them.
    if (outcome.kind === 'failed' && HookNotImplemented.is(outcome.error)) {
      return { kind: 'answered', outcome: { result: { continue_processing: true }, context } };
    }
    return outcome;
  }

  /** What a plugin changed of the shared state since the band began; what it left alone may have been changed by another. */
  #remember(
    plugin: PluginHandle,
    before: Pick<GlobalContext, 'state' | 'metadata'>,
    after: PluginContext,
  ): void {
    this.#contexts.set(plugin, { state: after.state, metadata: after.metadata });
    for (const part of ['state', 'metadata'] as const) {
      for (const [key, value] of Object.entries(after.global_context[part])) {
        if (!isDeepStrictEqual(value, before[part][key])) this.global[part][key] = value;
      }
    }
  }

  #report({ plugin }: Selected, hook: string, decision: ReturnType<typeof decide>): void {
    const { log, outOfService } = this.#deps;
    const fields = { plugin: plugin.name, hook, request: this.global.request_id };
    const failure = (error: SallyError) => ({ ...fields, code: error.code, remedy: error.remedy });
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
      log.warn(failure(decision.note.error), `the request goes on: ${decision.note.error.message}`);
      if (plugin.onError === 'disable') {
        outOfService.add(plugin);
        log.error(fields, 'on_error is disable: the plugin is out of service until the next start');
      }
    }
  }
}

function decisionName(decision: ReturnType<typeof decide>): PluginRun['decision'] {
  if (decision.kind === 'block') return 'blocked';
  if (decision.kind === 'fail') return 'failed';
  if (decision.note !== undefined) return 'noted';
  return decision.modified === undefined ? 'continue' : 'modified';
}

interface Decided {
  readonly plugin: PluginHandle;
  readonly decision: ReturnType<typeof decide>;
}

/** The plugins that run together: one at a time, or all of one priority. */
function bands(selected: readonly Selected[], parallel: boolean): readonly (readonly Selected[])[] {
  if (!parallel) return selected.map((one) => [one]);
  const byPriority = new Map<number, Selected[]>();
  for (const one of selected) {
    const band = byPriority.get(one.plugin.priority);
    if (band) band.push(one);
    else byPriority.set(one.plugin.priority, [one]);
  }
  return [...byPriority.values()];
}

/** What the plugins of a band changed together; undefined for nothing. Throws where two of them are at odds. */
function changeOf(hook: string, payload: unknown, answer: unknown, decisions: readonly Decided[]): unknown {
  const changes = decisions.flatMap(({ plugin, decision }) =>
    decision.kind === 'continue' && decision.modified !== undefined
      ? [{ plugin: plugin.name, value: decision.modified }]
      : [],
  );
  if (changes.length <= 1) return changes[0]?.value;
  const merged = mergeChanges(changeBase(hook, payload, answer), changes);
  if ('value' in merged) return merged.value;
  const { path, plugins } = merged;
  throw ChangesClash({ hook, path, plugins, priority: decisions[0]?.plugin.priority ?? 0 });
}

/** What a change of this hook is a change of. */
function changeBase(hook: string, payload: unknown, answer: unknown): unknown {
  const changes = hookRow(hook)?.changes ?? 'payload';
  if (changes === 'payload') return payload;
  if (changes === 'answer') return answer ?? {};
  return (payload as Record<string, unknown>)[changes] ?? {};
}

/** A payload that no plugin could read is the caller's mistake, whatever the modes say. */
function checkPayload(hook: string, payload: unknown): void {
  const checked = hookRow(hook)?.payload.safeParse(payload);
  if (checked && !checked.success) throw PayloadInvalid({ hook, problems: problemsOf(checked.error) });
  const bytes = Buffer.byteLength(toJson(hook, payload));
  if (bytes > maxPayloadBytes) throw PayloadTooLarge({ hook, bytes, limit: maxPayloadBytes });
}

function toJson(hook: string, payload: unknown): string {
  try {
    return JSON.stringify(payload) ?? '';
  } catch (error) {
    throw PayloadInvalid({ hook, problems: [messageOf(error)] }, error);
  }
}
