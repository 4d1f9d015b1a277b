import type { Cancellation } from '../cancel.js';
import { CallCancelled, PluginFailed, PluginNotFound, PluginTimeout, type SallyError } from '../errors.js';
import {
  type GlobalContext,
  type HookOutcome,
  nextPayload,
  type OneOutcome,
  type PluginContext,
  type PluginErrorModel,
} from '../hooks/index.js';
import { carriedDepth, isJsonObject, parseExactJson, writeJson } from '../json/index.js';
import type { CallObserver, HookCallEnd } from '../telemetry/index.js';
import {
  type ChainStep,
  chainBudgetMs,
  chainMeta,
  lateReply,
  readChainArguments,
  untouchedReply,
  writeChainReply,
} from './chain.js';
import {
  type ContextUpdate,
  type HookReply,
  holdsParts,
  readInvokeArguments,
  readNameArgument,
  readReplyValue,
  writeError,
  writeResult,
} from './invoke.js';
import { toolNames } from './tools.js';

/** Who runs hooks, and says what plugins there are: no name of a tool is known there. */
export interface HookHost {
  readonly plugins: readonly HostedPlugin[];
  readonly pluginTimeoutMs: number;
  find(name: string): HostedPlugin | undefined;
  /** Never throws or rejects; what is known at once is returned at once. */
  invokeOne(call: HookRun & { readonly signal: Cancellation }): OneOutcome | Promise<OneOutcome>;
}
interface HostedPlugin {
  readonly name: string;
  describe?(): Record<string, unknown>;
}

/** What a tool is called for. */
export interface ToolCall {
  readonly signal: Cancellation;
  /** Watches the hook calls. */
  readonly observed?: CallObserver | undefined;
}

/** What the tools give: a result of `tools/call`. */
export type ToolResult = {
  content: { type: 'text'; text: string }[];
  structuredContent?: { result: Record<string, unknown>[] };
  _meta?: Record<string, unknown>;
};

/** A tool. It may be given away its arguments. */
export type Tool = (args: unknown, plugins: HookHost, call: ToolCall) => Promise<ToolResult>;

/** The tools, by name. Rejects with a SallyError only where the arguments are not of the contract. */
export const tools: Readonly<Record<string, Tool>> = {
  async [toolNames.pluginConfigs](_args, plugins) {
    const configs = plugins.plugins.map((plugin) => plugin.describe?.() ?? {});
    return {
      content: configs.map((config) => ({ type: 'text', text: JSON.stringify(config) })),
      structuredContent: { result: configs },
      _meta: chainMeta,
    };
  },

  async [toolNames.pluginConfig](args, plugins) {
    const plugin = plugins.find(readNameArgument(args));
    const text = JSON.stringify(plugin?.describe?.() ?? {});
    return { content: [{ type: 'text', text }], _meta: chainMeta };
  },

  async [toolNames.invokeHook](args, plugins, call) {
    const { hook_type: hook, plugin_name: plugin, payload, context } = readInvokeArguments(args);
    // The arguments were read for this call alone.
    const run = { hook, plugin, payload, context, owned: true };
    return { content: [{ type: 'text', text: replyText(await runHook(run, plugins, call)) }] };
  },

  async [toolNames.invokeHooks](args, plugins, call) {
    return { content: [{ type: 'text', text: await invokeHooks(args, plugins, call) }] };
  },
};

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
  /** The caller's own, where it came with those of others. */
  readonly traceparent?: string | undefined;
}

/** What a hook run led to: the result with the context after it, or the failure as the wire has it. */
type HookRunOutcome =
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

/** Runs one hook of one plugin. Never throws or rejects; what is known at once is returned at once. */
function runHook(
  run: HookRun,
  plugins: HookHost,
  { signal, observed }: ToolCall,
): HookRunOutcome | Promise<HookRunOutcome> {
  const { hook, context, payload, owned, timeoutMs, traceparent } = run;
  const plugin = plugins.find(run.plugin)?.name ?? run.plugin;
  // Where they are given away the plugin may do anything with them.
  const { request_id: request } = context.global_context;
  const started = observed?.hookCall?.({ plugin, hook, request, traceparent });
  const heldBefore = holdsParts(context);
  const conclude = (outcome: OneOutcome): HookRunOutcome => {
    if (started !== undefined) started.end(endOf(outcome));
    return outcome.kind === 'answered'
      ? { kind: 'result', plugin, outcome: outcome.outcome, heldBefore }
      : { kind: 'error', plugin, error: outcome.error, model: errorModel(outcome.error) };
  };
  const outcome = plugins.invokeOne({ plugin, hook, payload, context, owned, timeoutMs, signal });
  return outcome instanceof Promise ? outcome.then(conclude) : conclude(outcome);
}

function endOf(outcome: OneOutcome): HookCallEnd {
  if (outcome.kind === 'failed') {
    const { error } = outcome;
    return { decision: CallCancelled.is(error) ? 'cancelled' : 'failed', error };
  }
  const { continue_processing: goes, modified_payload: modified, violation } = outcome.outcome.result;
  if (!goes) return { decision: 'blocked', violation: violation?.code };
  return { decision: modified === null || modified === undefined ? 'continue' : 'modified' };
}

/** The text of the reply of a single call. */
function replyText(run: HookRunOutcome): string {
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

/**
 * Runs several plugins, each as a single call of `invoke_hook` would have run it, with the payload and the contexts that
 * the replies before it lead to: they are written and read again as on the wire. The gateway decides what the replies
 * mean; of that only as much is known here as says whether there is a next one. Returns the text of the reply.
 */
async function invokeHooks(args: unknown, host: HookHost, toolCall: ToolCall): Promise<string> {
  const chain = readChainArguments(args);
  const { hook_type: hook, payload, global_context, plugins, timeout_ms: timeoutMs } = chain;
  const began = performance.now();
  const replies: string[] = [];
  let current: unknown = payload;
  let global: GlobalContext = global_context;
  /** The reply whose change counts: the changes before it are part of it, or were replaced. */
  let changed: { readonly at: number; readonly reply: HookReply } | undefined;
  const took: number[] = [];
  for (const step of plugins) {
    const late = performance.now() - began > chainBudgetMs;
    if (replies.length > 0 && (late || toolCall.signal.aborted || !isJsonObject(current))) break;
    const { state, metadata, traceparent } = step;
    const context = { state: state ?? {}, metadata: metadata ?? {}, global_context: global };
    const call = { hook, plugin: step.plugin_name, payload: current, context, owned: false };
    const started = performance.now();
    const running = runHook({ ...call, timeoutMs, traceparent }, host, toolCall);
    const outcome = running instanceof Promise ? await running : running;
    took.push(performance.now() - started);
    if (outcome.kind === 'error' && PluginTimeout.is(outcome.error) && timeoutMs <= host.pluginTimeoutMs) {
      replies.push(lateReply);
      if (step.on_error !== 'log') break;
      continue;
    }
    if (isNothing(outcome)) {
      replies.push(untouchedReply);
      continue;
    }
    // What comes of it goes on as a gateway would have read it.
    const text = replyText(outcome);
    const written = parseExactJson(text, { depth: carriedDepth }) as HookReply;
    const at = replies.push(text) - 1;
    if (ends(step, written)) break;
    const reply = readReplyValue(written);
    if (typeof reply === 'string' || reply.kind === 'error') continue;
    if (reply.context) global = withUpdate(global, reply.context);
    const { modified_payload: modified } = reply.result;
    if (modified === null || modified === undefined) continue;
    if (step.modifies !== false) {
      current = nextPayload(hook, current, modified);
      if (changed) replies[changed.at] = withoutChange(changed.reply);
      changed = { at, reply: written };
    } else {
      replies[at] = withoutChange(written);
    }
  }
  return writeChainReply(replies, took);
}

/** Whether a plugin lets the request go on and leaves no trace, as most do most of the time. */
function isNothing(run: HookRunOutcome): boolean {
  if (run.kind === 'error') return false;
  const { result, context } = run.outcome;
  if (!result.continue_processing || run.heldBefore) return false;
  for (const key in result) {
    if (key === 'continue_processing' || (result[key] ?? undefined) === undefined) continue;
    if (key !== 'metadata' || !isEmpty(result.metadata)) return false;
  }
  return !holdsParts(context);
}

function isEmpty(record: object | null | undefined): boolean {
  for (const _ in record) return false;
  return true;
}

/** Whether nothing runs after this reply. */
function ends(step: ChainStep, { error, result }: HookReply): boolean {
  if (error) return step.on_error !== 'log';
  return result?.continue_processing === false && step.on_violation !== 'log';
}

/** What a gateway keeps of the shared state: what is new or changed; nothing is ever taken away. */
function withUpdate(global: GlobalContext, update: ContextUpdate): GlobalContext {
  return { ...global, state: { ...global.state, ...update.globalState } };
}

const withoutChange = ({ result, ...reply }: HookReply): string =>
  writeJson({ ...reply, result: { ...result, modified_payload: null } });
