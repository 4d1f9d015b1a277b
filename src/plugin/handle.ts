import type { Cancellation } from '../cancel.js';
import type { Condition, ModeEffect, OnError, PluginMode } from '../config/index.js';
import type { SallyError } from '../errors.js';
import type { GlobalContext, HookOutcome, Outcome, PluginContext } from '../hooks/index.js';
import type { ContentWanted } from './content.js';

export type { HookOutcome, OneOutcome, Outcome } from '../hooks/index.js';

/** Plugins that can be called one after another in one round trip. */
export interface Chain {
  /**
   * Calls them until one of them ends the request, each as a single call would. Returns the outcomes of the first of
   * them, all or fewer: the others were not called. Rejects with a SallyError where that failed as a whole.
   */
  invoke(call: ChainCall, limits: HandleCall): Promise<readonly Outcome[]>;
}

export interface ChainCall {
  readonly hook: string;
  readonly payload: unknown;
  readonly global: GlobalContext;
  /** For each of the plugins. */
  readonly timeoutMs: number;
  readonly steps: readonly {
    readonly plugin: PluginHandle;
    readonly effect: ModeEffect;
    /** Its own part of the context, where it has left something in it before. */
    readonly own: Pick<PluginContext, 'state' | 'metadata'> | undefined;
    /** Of the call of this one, where it is watched. */
    readonly traceparent: string | undefined;
  }[];
}

/** What a call of a plugin comes with beside payload and context. */
export interface HandleCall {
  readonly signal: Cancellation;
  /** Nobody else holds payload and context: they may be given to the plugin without a copy. */
  readonly owned?: boolean;
  /** The payload as JSON, where somebody had to write it: it is what was checked. */
  readonly payloadJson?: string | undefined;
  /** HTTP headers that go with the call to a plugin behind a connection; in `_meta` over stdio. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
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
  /** Why it did not, where it was looked for. */
  readonly problem?: SallyError | undefined;
  /** Whether its server answers nothing, not even a probe: calls of it fail at once. */
  readonly away?: boolean;
  /** What it wants of payloads; undefined where it takes all of each. */
  readonly wanted?: ContentWanted | undefined;
  /** Has `listener` called when one of the fields has changed. Absent where none ever does. */
  onChange?(listener: () => void): void;
  /** The plugin as `get_plugin_config` reports it. Absent where it is behind a connection: no server offers such a one. */
  describe?(): Record<string, unknown>;
  /**
   * Runs one hook. Throws or rejects with a SallyError, whatever went wrong. Changes neither payload nor context, unless
   * they are given away with the call. What is known at once is returned at once: waiting costs more than most hooks.
   */
  invoke(
    hook: string,
    payload: unknown,
    context: PluginContext,
    call: HandleCall,
  ): HookOutcome | Promise<HookOutcome>;
  /** What takes it together with others whose chain for this hook is the same one. */
  chainFor?(hook: string): Chain | undefined;
  close(): Promise<void>;
}
