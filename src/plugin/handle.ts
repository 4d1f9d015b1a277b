import type { Condition, OnError, PluginMode } from '../config/index.js';
import type { HookResult, PluginContext } from '../hooks/index.js';
import type { CallScope } from './scope.js';

/** What a hook call led to: the result, and the context as the plugin left it. */
export interface HookOutcome {
  readonly result: HookResult;
  readonly context: PluginContext;
}

/** What a call of a plugin comes with beside payload and context. */
export interface HandleCall {
  readonly scope: CallScope;
  /** Nobody else holds payload and context: they may be given to the plugin without a copy. */
  readonly owned?: boolean;
  /** The payload as JSON, where somebody had to write it: it is what was checked. */
  readonly payloadJson?: string | undefined;
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
  /** Has `listener` called when one of the fields has changed. Absent where none ever does. */
  onChange?(listener: () => void): void;
  /** The plugin as `get_plugin_config` reports it. */
  describe(): Record<string, unknown>;
  /**
   * Runs one hook. Rejects with a SallyError, whatever went wrong. Changes neither payload nor context, unless they are
   * given away with the call.
   */
  invoke(hook: string, payload: unknown, context: PluginContext, call: HandleCall): Promise<HookOutcome>;
  close(): Promise<void>;
}
