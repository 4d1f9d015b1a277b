import type { Cancellation } from '../cancel.js';
import { CallCancelled, PluginFailed, PluginNotFound, type SallyError } from '../errors.js';
import type { PluginContext, PluginErrorModel } from '../hooks/index.js';
import type { Logger } from '../log.js';
import type { PluginManager } from '../manager/index.js';
import type { HookOutcome, OneOutcome } from '../plugin/handle.js';
import { holdsParts, readInvokeArguments, writeError, writeResult } from '../wire/index.js';

/** What the tools need. */
export interface ToolDeps {
  readonly plugins: PluginManager;
  readonly log: Logger;
}

interface HookRun {
  readonly hook: string;
  /** As the caller spells it. */
  readonly plugin: string;
  readonly payload: unknown;
  readonly context: PluginContext;
  /** Payload and context are given away. */
  readonly owned: boolean;
  /** The caller's own deadline, where it is stricter than that of the file. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Runs one hook of one plugin and answers the text of the reply: the result, or the plugin's failure. Rejects only
 * where the arguments are not of the contract (`SALLY_WIRE_ARGUMENTS`).
 */
export async function invokeHook(args: unknown, deps: ToolDeps, signal: Cancellation): Promise<string> {
  const { hook_type: hook, plugin_name: plugin, payload, context } = readInvokeArguments(args);
  // The arguments were read for this call alone.
  return replyText(await runHook({ hook, plugin, payload, context, owned: true }, deps, signal));
}

/** What a hook run led to: the result with the context after it, or the failure as the wire has it. */
export type HookRunOutcome =
  | {
      readonly kind: 'result';
      readonly plugin: string;
      readonly outcome: HookOutcome;
      /** Whether the context held something that the reply replaces, as it was given. */
      readonly heldBefore: boolean;
    }
  | {
      readonly kind: 'error';
      readonly plugin: string;
      readonly error: SallyError;
      readonly model: PluginErrorModel;
    };

/** Runs one hook of one plugin. Never throws or rejects; what is known at once is answered at once. */
export function runHook(
  run: HookRun,
  { plugins, log }: ToolDeps,
  signal: Cancellation,
): HookRunOutcome | Promise<HookRunOutcome> {
  const { hook, context, payload, owned, timeoutMs } = run;
  const plugin = plugins.find(run.plugin)?.name ?? run.plugin;
  const started = performance.now();
  // Where it is given away the plugin may do anything with it.
  const { request_id: request } = context.global_context;
  const heldBefore = holdsParts(context);
  const conclude = (outcome: OneOutcome): HookRunOutcome => {
    const took = () => ({
      plugin,
      hook,
      request,
      ms: Math.round((performance.now() - started) * 10) / 10,
    });
    if (outcome.kind === 'answered') {
      if (log.isLevelEnabled?.('debug') !== false) {
        log.debug({ ...took(), blocked: !outcome.outcome.result.continue_processing }, 'hook call');
      }
      return { kind: 'result', plugin, outcome: outcome.outcome, heldBefore };
    }
    const { error } = outcome;
    if (!CallCancelled.is(error)) {
      log.error({ ...took(), code: error.code, remedy: error.remedy }, error.message);
      if (error.cause instanceof Error)
        log.debug({ plugin, hook, stack: error.cause.stack }, 'thrown by the plugin');
    }
    return { kind: 'error', plugin, error, model: errorModel(error) };
  };
  const outcome = plugins.invokeOne({ plugin, hook, payload, context, owned, timeoutMs, signal });
  return outcome instanceof Promise ? outcome.then(conclude) : conclude(outcome);
}

/** The text of the reply of a single call. */
export function replyText(run: HookRunOutcome): string {
  if (run.kind === 'error') return writeError(run.plugin, run.model);
  return writeResult(run.plugin, run.outcome.result, run.outcome.context, run.heldBefore);
}

/** A failure as the wire carries it. What a plugin threw keeps its own words; ours come with their code. */
function errorModel(error: SallyError): PluginErrorModel {
  if (PluginFailed.is(error)) {
    const { message, pluginCode, details, mcpErrorCode } = error.context;
    return { message, code: pluginCode ?? error.code, details, mcp_error_code: mcpErrorCode };
  }
  const details = PluginNotFound.is(error) ? {} : { remedy: error.remedy };
  return { message: error.message, code: error.code, details, mcp_error_code: error.jsonRpcCode };
}
