import { PluginTimeout } from '../errors.js';
import { type GlobalContext, nextPayload } from '../hooks/index.js';
import type { CallScope } from '../plugin/scope.js';
import {
  type ChainStep,
  type ContextUpdate,
  chainBudgetMs,
  type HookReply,
  readChainArguments,
  readReplyValue,
  type WrittenReply,
  writeChainReply,
} from '../wire/index.js';
import { runHook, type ToolDeps } from './hook.js';

/**
 * Runs several plugins, each as a single call of `invoke_hook` would have run it, with the payload and the contexts that
 * the replies before it lead to: they are written and read again as on the wire. The gateway decides what the replies
 * mean; of that only as much is known here as says whether there is a next one. Answers the text of the reply.
 */
export async function invokeHooks(
  args: unknown,
  deps: ToolDeps,
  signal: AbortSignal | CallScope,
): Promise<string> {
  const { hook_type: hook, payload, global_context, plugins } = readChainArguments(args);
  const began = performance.now();
  const replies: WrittenReply[] = [];
  let current: unknown = payload;
  let global: GlobalContext = global_context;
  /** The reply whose change counts: the changes before it are part of it, or were replaced. */
  let changed: HookReply | undefined;
  for (const step of plugins) {
    const late = performance.now() - began > chainBudgetMs;
    if (replies.length > 0 && (late || signal.aborted || !isRecord(current))) break;
    const context = { state: step.state, metadata: step.metadata, global_context: global };
    const call = { hook, plugin: step.plugin_name, payload: current, context, owned: false };
    const outcome = await runHook({ ...call, timeoutMs: step.timeout_ms }, deps, signal);
    const atClient = PluginTimeout.is(outcome.error) && step.timeout_ms <= deps.plugins.pluginTimeoutMs;
    if (atClient) {
      replies.push({ late: true });
      if (step.on_error === 'block') break;
      continue;
    }
    const written = JSON.parse(outcome.text) as HookReply;
    replies.push(written);
    if (ends(step, written)) break;
    const reply = readReplyValue(written);
    if (typeof reply === 'string' || reply.kind === 'error') continue;
    if (reply.context) global = withUpdate(global, reply.context);
    const { modified_payload: modified } = reply.result;
    if (modified === null || modified === undefined) continue;
    if (step.modifies) {
      current = nextPayload(hook, current, modified);
      if (changed) forgetChange(changed);
      changed = written;
    } else {
      forgetChange(written);
    }
  }
  return writeChainReply(replies);
}

const isRecord = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Whether nothing runs after this reply. */
function ends(step: ChainStep, { error, result }: HookReply): boolean {
  if (error) return step.on_error === 'block';
  return result?.continue_processing === false && step.on_violation === 'block';
}

/** What a gateway keeps of the shared state: what is new or changed; nothing is ever taken away. */
function withUpdate(global: GlobalContext, update: ContextUpdate): GlobalContext {
  return { ...global, state: { ...global.state, ...update.globalState } };
}

function forgetChange(reply: HookReply): void {
  if (reply.result) reply.result.modified_payload = null;
}
