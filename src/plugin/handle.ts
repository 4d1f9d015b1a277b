import type { Condition, OnError, PluginMode } from '../config/index.js';
import type { HookResult, PluginContext } from '../hooks/index.js';

/** What a hook call led to: the result, and the context as the plugin left it. */
export interface HookOutcome {
  readonly result: HookResult;
  readonly context: PluginContext;
}

/**
 * A plugin as the manager sees it. In the box, from a module, or behind a connection: the manager cannot tell.
 * The fields may change between calls, as a plugin server that was away is found again.
 */
export interface PluginHandle {
  readonly name: string;
  /** The hooks it has; undefined while that is not known, and then every hook is tried. */
  readonly hooks: readonly string[] | undefined;
  readonly mode: PluginMode;
  readonly onError: OnError | undefined;
  /** Lower runs first. */
  readonly priority: number;
  readonly conditions: readonly Condition[];
  /** The hooks it had when its server was last there, of an external plugin that is away; else as `hooks`. */
  readonly lastHooks?: readonly string[] | undefined;
  /** Whether the server of an external plugin answered when it was last asked; undefined for one of this process. */
  readonly reachable?: boolean;
  /** The plugin as `get_plugin_config` reports it. */
  describe(): Record<string, unknown>;
  /** Runs one hook. Rejects with a SallyError, whatever went wrong. Changes neither payload nor context. */
  invoke(hook: string, payload: unknown, context: PluginContext, signal: AbortSignal): Promise<HookOutcome>;
  close(): Promise<void>;
}
