import type { PluginSettings } from '../config/index.js';
import { PayloadTooLarge, type SallyError } from '../errors.js';
import { GlobalContext, type PluginContext, type Violation } from '../hooks/index.js';
import type { Logger } from '../log.js';
import type { PluginHandle } from '../plugin/handle.js';
import { callPlugin } from './call.js';
import { decide } from './decide.js';
import { type Selected, select } from './select.js';

/** Payloads above this are refused before any plugin sees them (a rule of the contract), in bytes of JSON. */
export const maxPayloadBytes = 1_000_000;

/** What all plugins of a hook together made of a payload. */
export interface HookCallResult<P = unknown> {
  /** False where a plugin blocked: `violation` says why, where the plugin did. */
  readonly continue_processing: boolean;
  /** The payload as the last plugin left it; the one that was given where nobody changed it. */
  readonly payload: P;
  readonly modified: boolean;
  /** `plugin_name` names the plugin that blocked. */
  readonly violation: Violation | null;
  /** What the plugins reported, the later over the earlier. */
  readonly metadata: Record<string, unknown>;
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
   * @throws SallyError where a plugin fails and its mode says that this ends the request, or where the payload is
   *   too large (`SALLY_HOOK_PAYLOAD_SIZE`).
   */
  async invoke<P>(
    hook: string,
    payload: P,
    options: { signal?: AbortSignal } = {},
  ): Promise<HookCallResult<P>> {
    const { plugins, settings, outOfService } = this.#deps;
    const inService =
      outOfService.size === 0 ? plugins : plugins.filter((plugin) => !outOfService.has(plugin));
    const selected = select(inService, hook, payload, this.global, settings);
    if (selected.length > 0) refuseTooLarge(hook, payload);
    let current: unknown = payload;
    let modified = false;
    const metadata: Record<string, unknown> = {};
    for (const { plugin, effect } of selected) {
      const call = this.#call(plugin, hook, current, metadata, effect.awaited ? options.signal : undefined);
      if (!effect.awaited) {
        void call.then((outcome) => this.#report({ plugin, effect }, hook, decide(effect, outcome)));
        continue;
      }
      const decision = decide(effect, await call);
      this.#report({ plugin, effect }, hook, decision);
      if (decision.kind === 'fail') throw decision.error;
      if (decision.kind === 'block') {
        const violation = decision.result.violation
          ? { ...decision.result.violation, plugin_name: plugin.name }
          : null;
        return { continue_processing: false, payload: current as P, modified, violation, metadata };
      }
      if (decision.modified !== undefined) {
        current = decision.modified;
        modified = true;
      }
    }
    return { continue_processing: true, payload: current as P, modified, violation: null, metadata };
  }

  async #call(
    plugin: PluginHandle,
    hook: string,
    payload: unknown,
    metadata: Record<string, unknown>,
    signal: AbortSignal | undefined,
  ) {
    const own = this.#contexts.get(plugin) ?? { state: {}, metadata: {} };
    const context: PluginContext = { ...own, global_context: { ...this.global } };
    const timeoutMs = this.#deps.settings.pluginTimeoutMs;
    const outcome = await callPlugin(plugin, hook, payload, context, { timeoutMs, signal });
    if (outcome.kind === 'answered') {
      const after = outcome.outcome.context;
      this.#contexts.set(plugin, { state: after.state, metadata: after.metadata });
      Object.assign(this.global.state, after.global_context.state);
      Object.assign(this.global.metadata, after.global_context.metadata);
      Object.assign(metadata, outcome.outcome.result.metadata);
    }
    return outcome;
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

function refuseTooLarge(hook: string, payload: unknown): void {
  const bytes = Buffer.byteLength(JSON.stringify(payload) ?? '');
  if (bytes > maxPayloadBytes) throw PayloadTooLarge({ hook, bytes, limit: maxPayloadBytes });
}
