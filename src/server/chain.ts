import type { Cancellation } from '../cancel.js';
import { PluginTimeout } from '../errors.js';
import { type GlobalContext, nextPayload } from '../hooks/index.js';
import { carriedDepth, isJsonObject, parseExactJson, writeJson } from '../json/index.js';
import {
  type ChainStep,
  type ContextUpdate,
  chainBudgetMs,
  type HookReply,
  holdsParts,
  lateReply,
  readChainArguments,
  readReplyValue,
  untouchedReply,
  writeChainReply,
} from '../wire/index.js';
import { type HookRunOutcome, replyText, runHook, type ToolDeps } from './hook.js';

/**
 * Runs several plugins, each as a single call of `invoke_hook` would have run it, with the payload and the contexts that
 * the replies before it lead to: they are written and read again as on the wire. The gateway decides what the replies
 * mean; of that only as much is known here as says whether there is a next one. Answers the text of the reply.
 */
export async function invokeHooks(args: unknown, deps: ToolDeps, signal: Cancellation): Promise<string> {
  const chain = readChainArguments(args);
  const { hook_type: hook, payload, global_context, plugins, timeout_ms: timeoutMs } = chain;
  const began = performance.now();
  const replies: string[] = [];
  let current: unknown = payload;
  let global: GlobalContext = global_context;
  /** The reply whose change counts: the changes before it are part of it, or were replaced. */
  let changed: { readonly at: number; readonly reply: HookReply } | undefined;
  for (const step of plugins) {
    const late = performance.now() - began > chainBudgetMs;
    if (replies.length > 0 && (late || signal.aborted || !isJsonObject(current))) break;
    const { state, metadata } = step;
    const context = { state: state ?? {}, metadata: metadata ?? {}, global_context: global };
    const call = { hook, plugin: step.plugin_name, payload: current, context, owned: false, timeoutMs };
    const running = runHook(call, deps, signal);
    const outcome = running instanceof Promise ? await running : running;
    if (
      outcome.kind === 'error' &&
      PluginTimeout.is(outcome.error) &&
      timeoutMs <= deps.plugins.pluginTimeoutMs
    ) {
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
  return writeChainReply(replies);
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
