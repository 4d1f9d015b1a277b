import {
  CallCancelled,
  findSallyError,
  InternalError,
  messageOf,
  PluginFailed,
  PluginNotFound,
} from '../errors.js';
import type { PluginContext, PluginErrorModel } from '../hooks/index.js';
import type { Logger } from '../log.js';
import type { PluginManager } from '../manager/index.js';
import type { CallScope } from '../plugin/scope.js';
import { readInvokeArguments, writeError, writeResult } from '../wire/index.js';

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
  readonly timeoutMs?: number;
}

/**
 * Runs one hook of one plugin and answers the text of the reply: the result, or the plugin's failure. Rejects only
 * where the arguments are not of the contract (`SALLY_WIRE_ARGUMENTS`).
 */
export async function invokeHook(
  args: unknown,
  deps: ToolDeps,
  signal: AbortSignal | CallScope,
): Promise<string> {
  const { hook_type: hook, plugin_name: plugin, payload, context } = readInvokeArguments(args);
  // The arguments were read for this call alone.
  return (await runHook({ hook, plugin, payload, context, owned: true }, deps, signal)).text;
}

/** Runs one hook of one plugin; the text of the reply, and the error where there was one. Never rejects. */
export async function runHook(
  { plugin: name, ...run }: HookRun,
  { plugins, log }: ToolDeps,
  signal: AbortSignal | CallScope,
): Promise<{ readonly text: string; readonly error?: unknown }> {
  const plugin = plugins.find(name)?.name ?? name;
  const started = performance.now();
  const { hook, context } = run;
  const fields = { plugin, hook, request: context.global_context.request_id };
  const took = () => ({ ...fields, ms: Math.round((performance.now() - started) * 10) / 10 });
  try {
    const { result, context: after } = await plugins.invokeOne({ ...run, plugin, signal });
    log.debug({ ...took(), blocked: !result.continue_processing }, 'hook call');
    return { text: writeResult(plugin, result, after) };
  } catch (thrown) {
    const error = findSallyError(thrown) ?? InternalError({ detail: messageOf(thrown) }, thrown);
    if (!CallCancelled.is(error)) {
      log.error({ ...took(), code: error.code, remedy: error.remedy }, error.message);
      if (error.cause instanceof Error)
        log.debug({ ...fields, stack: error.cause.stack }, 'thrown by the plugin');
    }
    return { text: writeError(plugin, errorModel(thrown)), error };
  }
}

/** A failure as the wire carries it. What a plugin threw keeps its own words; ours come with their code. */
function errorModel(thrown: unknown): PluginErrorModel {
  const error = findSallyError(thrown) ?? InternalError({ detail: messageOf(thrown) });
  if (PluginFailed.is(error)) {
    const { message, pluginCode, details, mcpErrorCode } = error.context;
    return { message, code: pluginCode ?? error.code, details, mcp_error_code: mcpErrorCode };
  }
  const details = PluginNotFound.is(error) ? {} : { remedy: error.remedy };
  return { message: error.message, code: error.code, details, mcp_error_code: error.jsonRpcCode };
}
