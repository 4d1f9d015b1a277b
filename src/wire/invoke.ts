import { z } from 'zod';
import type { Cancellation } from '../cancel.js';
import { findSallyError, ReplyInvalid, ToolArgumentsInvalid } from '../errors.js';
import {
  filledContext,
  filledResult,
  type HookResult,
  HookResult as HookResultSchema,
  PluginContext,
  PluginErrorModel,
  problemsOf,
  quickAccept,
  reader,
  SettledContext,
  wholeResult,
} from '../hooks/index.js';
import {
  carriedDepth,
  holdsNumbers,
  parseExactJson,
  parseJson,
  plainJson,
  writeJson,
} from '../json/index.js';
import {
  type CallHeaders,
  type ExactConnection,
  type ToolConnection,
  type ToolReply,
  toolNames,
} from './tools.js';

const shape = {
  hook_type: z.string().min(1),
  plugin_name: z.string().min(1),
  payload: z.record(z.string(), z.unknown()),
};
/** The arguments of `invoke_hook`. The payload is checked by the plugin's own hook table row. */
const InvokeArguments = z.object({ ...shape, context: PluginContext });
export type InvokeArguments = z.output<typeof InvokeArguments>;

/** Of these nothing is left to be filled in; what else is there is let go. */
const settledArguments = quickAccept(
  z.looseObject({ ...shape, hook_type: z.string(), plugin_name: z.string(), context: SettledContext }),
);

/** Reads the arguments of `invoke_hook`, as any peer sends them. Throws `SALLY_WIRE_ARGUMENTS`. */
export function readInvokeArguments(value: unknown): InvokeArguments {
  if (settledArguments(value)) {
    const { hook_type, plugin_name, payload, context } = value as InvokeArguments;
    if (hook_type !== '' && plugin_name !== '') return { hook_type, plugin_name, payload, context };
  }
  const read = InvokeArguments.safeParse(holdsNumbers(value) ? plainJson(value) : (value ?? {}));
  if (read.success) {
    const { hook_type, plugin_name, payload, context } = value as InvokeArguments;
    return { hook_type, plugin_name, payload, context: filledContext(context) };
  }
  throw ToolArgumentsInvalid({ tool: toolNames.invokeHook, problems: problemsOf(read.error) });
}

/** Reads the argument of `get_plugin_config`. Throws `SALLY_WIRE_ARGUMENTS`. */
export function readNameArgument(value: unknown): string {
  const read = z.object({ name: z.string() }).safeParse(value ?? {});
  if (read.success) return read.data.name;
  throw ToolArgumentsInvalid({ tool: toolNames.pluginConfig, problems: problemsOf(read.error) });
}

/** What came back of a hook call: the result, with the context where the server sent one, or the failure. */
export type InvokeReply =
  | { readonly kind: 'result'; readonly result: HookResult; readonly context?: ContextUpdate }
  | { readonly kind: 'error'; readonly error: PluginErrorModel };

/** A reply as it is written, one of ours. */
export interface HookReply extends Readonly<Record<string, unknown>> {
  readonly result?: { continue_processing: boolean; modified_payload: unknown };
  readonly error?: unknown;
}

/** The three parts of a context that a reply replaces. */
export interface ContextUpdate {
  readonly state: Record<string, unknown>;
  readonly metadata: Record<string, unknown>;
  readonly globalState: Record<string, unknown>;
}

function filled(record: Readonly<Record<string, unknown>>): boolean {
  for (const _ in record) return true;
  return false;
}

/** Whether there is anything in the parts of a context that a reply replaces. */
export function holdsParts({ state, metadata, global_context: global }: PluginContext): boolean {
  return filled(state) || filled(metadata) || filled(global.state);
}

/**
 * The text of a successful reply. `context` is left out where it holds nothing, as the peers do; but not where it held
 * something before, which the plugin has taken out.
 */
export function writeResult(
  plugin: string,
  result: HookResult,
  context: PluginContext,
  heldBefore = false,
): string {
  const reply = { plugin_name: plugin, result: wholeResult(result) };
  if (!heldBefore && !holdsParts(context)) return writeJson(reply);
  const { state, metadata, global_context: global } = context;
  const global_context = { request_id: global.request_id, state: global.state };
  return writeJson({ ...reply, context: { state, metadata, global_context } });
}

/** The text of a failed call. The MCP result itself stays a success: peers read the text only. */
export function writeError(plugin: string, error: PluginErrorModel): string {
  return writeJson({
    plugin_name: plugin,
    error: {
      message: error.message,
      plugin_name: error.plugin_name ?? plugin,
      code: error.code ?? '',
      details: error.details ?? {},
      mcp_error_code: error.mcp_error_code ?? -32603,
    },
  });
}

const Reply = z.looseObject({
  result: HookResultSchema.nullish(),
  error: PluginErrorModel.nullish(),
  context: z
    .looseObject({
      state: z.record(z.string(), z.unknown()).nullish(),
      metadata: z.record(z.string(), z.unknown()).nullish(),
      global_context: z.looseObject({ state: z.record(z.string(), z.unknown()).nullish() }).nullish(),
    })
    .nullish(),
});

const readReplyShape = reader(Reply, Reply, ({ result, ...reply }) => ({
  ...reply,
  ...(result && { result: filledResult(result) }),
}));

/**
 * Reads the text of a reply; a string in place of the reply says what is wrong with it. `exact` keeps numbers as they are
 * written.
 */
export function readReply(text: string, exact = false): InvokeReply | string {
  let value: unknown;
  try {
    value = (exact ? parseExactJson : parseJson)(text, { what: 'the reply', depth: carriedDepth });
  } catch (error) {
    const refusal = findSallyError(error);
    if (refusal) throw refusal;
    return `no JSON: ${text.slice(0, 200)}`;
  }
  return readReplyValue(value);
}

/** Reads a reply that was parsed already. */
export function readReplyValue(value: unknown): InvokeReply | string {
  const read = readReplyShape(value);
  if (!read.ok) return read.problems.join('; ');
  const { result, error, context } = read.data;
  if (error) return { kind: 'error', error };
  if (!result) return 'neither a result nor an error';
  if (!context) return { kind: 'result', result };
  const update = {
    state: context.state ?? {},
    metadata: context.metadata ?? {},
    globalState: context.global_context?.state ?? {},
  };
  return { kind: 'result', result, context: update };
}

/** Calls one hook of one plugin. A payload that was written before is not written again. Its reply is for `readHookReply`. */
export function callHook(
  connection: ToolConnection,
  call: {
    readonly hook: string;
    readonly plugin: string;
    readonly payload: unknown;
    readonly payloadJson?: string | undefined;
    readonly context: PluginContext;
  },
  signal: Cancellation,
  headers?: CallHeaders,
): Promise<ToolReply> {
  const { hook, plugin, payload, payloadJson = writeJson(payload), context } = call;
  const names = `"hook_type":${JSON.stringify(hook)},"plugin_name":${JSON.stringify(plugin)}`;
  const args = `{${names},"payload":${payloadJson},"context":${writeJson(context)}}`;
  return connection.call(toolNames.invokeHook, args, signal, headers);
}

/** What came back of a hook call. Throws `SALLY_WIRE_REPLY` where it is none. */
export function readHookReply({ texts }: ToolReply, { peer, exactNumbers }: ExactConnection): InvokeReply {
  const read = readReply(texts[0] ?? '', exactNumbers);
  if (typeof read === 'string') throw ReplyInvalid({ peer, tool: toolNames.invokeHook, reason: read });
  return read;
}
