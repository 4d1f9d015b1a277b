import type { CallToolResult } from '@modelcontextprotocol/server';
import {
  CallCancelled,
  findSallyError,
  InternalError,
  messageOf,
  PluginFailed,
  PluginNotFound,
} from '../errors.js';
import type { PluginErrorModel } from '../hooks/index.js';
import type { Logger } from '../log.js';
import type { PluginManager } from '../manager/index.js';
import type { CallScope } from '../plugin/scope.js';
import { readInvokeArguments, readNameArgument, toolNames, writeError, writeResult } from '../wire/index.js';

/** What the three tools need. */
export interface ToolDeps {
  readonly plugins: PluginManager;
  readonly log: Logger;
}

/** A tool. It may be given away its arguments. */
export type Tool = (
  args: unknown,
  deps: ToolDeps,
  signal: AbortSignal | CallScope,
) => Promise<CallToolResult>;

const text = (value: string) => ({ type: 'text' as const, text: value });

/** The tools, by name. Rejects with a SallyError only where the arguments are not of the contract. */
export const tools: Readonly<Record<string, Tool>> = {
  async [toolNames.pluginConfigs](_args, { plugins }) {
    const configs = plugins.plugins.map((plugin) => plugin.describe());
    return {
      content: configs.map((config) => text(JSON.stringify(config))),
      structuredContent: { result: configs },
    };
  },

  async [toolNames.pluginConfig](args, { plugins }) {
    const plugin = plugins.find(readNameArgument(args));
    return { content: [text(JSON.stringify(plugin?.describe() ?? {}))] };
  },

  async [toolNames.invokeHook](args, deps, signal) {
    return { content: [text(await invokeHook(args, deps, signal))] };
  },
};

/**
 * Runs one hook of one plugin and answers the text of the reply: the result, or the plugin's failure. Rejects only
 * where the arguments are not of the contract (`SALLY_WIRE_ARGUMENTS`).
 */
async function invokeHook(
  args: unknown,
  { plugins, log }: ToolDeps,
  signal: AbortSignal | CallScope,
): Promise<string> {
  const { hook_type: hook, plugin_name: name, payload, context } = readInvokeArguments(args);
  const plugin = plugins.find(name)?.name ?? name;
  const started = performance.now();
  const fields = { plugin, hook, request: context.global_context.request_id };
  const took = () => ({ ...fields, ms: Math.round((performance.now() - started) * 10) / 10 });
  try {
    // The arguments were read for this call alone.
    const call = { plugin, hook, payload, context, signal, owned: true };
    const { result, context: after } = await plugins.invokeOne(call);
    log.debug({ ...took(), blocked: !result.continue_processing }, 'hook call');
    return writeResult(plugin, result, after);
  } catch (thrown) {
    const error = findSallyError(thrown) ?? InternalError({ detail: messageOf(thrown) }, thrown);
    if (!CallCancelled.is(error)) {
      log.error({ ...took(), code: error.code, remedy: error.remedy }, error.message);
      if (error.cause instanceof Error)
        log.debug({ ...fields, stack: error.cause.stack }, 'thrown by the plugin');
    }
    return writeError(plugin, errorModel(thrown));
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
