import { z } from 'zod';
import { ToolArgumentsInvalid } from '../errors.js';
import { GlobalContext, problemsOf } from '../hooks/index.js';
import { type InvokeReply, readReplyValue } from './invoke.js';
import { toolNames } from './tools.js';

/**
 * Several plugins of one server in one round trip: a tool that servers of ours have beside those of the contract. It is
 * not in their list of tools, which peers compare with the contract; a server says that it has it in `_meta` of the
 * replies by which a gateway learns of its plugins.
 */
export const chainMeta = { 'sallyport/chains': 1 } as const;

/** Whether a server says that it takes chains. */
export function takesChains(meta: Readonly<Record<string, unknown>>): boolean {
  return meta['sallyport/chains'] === chainMeta['sallyport/chains'];
}

/**
 * For how long a server goes on to the next plugin of a chain, in milliseconds. Then it answers what it has, and the
 * gateway calls the others anew: so a server that hangs is noticed only this much later than in a single call.
 */
export const chainBudgetMs = 1_000;

const object = z.record(z.string(), z.unknown());

/** A plugin of a chain: what a single call of it would carry, and what ends the chain after it. */
const Step = z.object({
  plugin_name: z.string().min(1),
  state: object,
  metadata: object,
  on_violation: z.enum(['block', 'log']),
  on_error: z.enum(['block', 'log']),
  modifies: z.boolean(),
  timeout_ms: z.number().positive(),
});
export type ChainStep = z.output<typeof Step>;

const ChainArguments = z.object({
  hook_type: z.string().min(1),
  payload: object,
  global_context: GlobalContext,
  plugins: z.array(Step).min(1).max(1_000),
});
export type ChainArguments = z.output<typeof ChainArguments>;

/** Reads the arguments of a chain. Throws `SALLY_WIRE_ARGUMENTS`. */
export function readChainArguments(value: unknown): ChainArguments {
  const read = ChainArguments.safeParse(value ?? {});
  if (read.success) return read.data;
  throw ToolArgumentsInvalid({ tool: toolNames.invokeHooks, problems: problemsOf(read.error) });
}

/** Writes the arguments of a chain. A payload that was written before is not written again. */
export function writeChainArguments(
  { payload, ...rest }: ChainArguments,
  payloadJson = JSON.stringify(payload),
): string {
  return `{"payload":${payloadJson},${JSON.stringify(rest).slice(1)}`;
}

/** What a plugin of a chain answered: as in a single call, or that the gateway's own deadline was over. */
export type ChainReply = InvokeReply | { readonly kind: 'late' };

/** One reply of a chain as it is written: that of a single call, or `late`. */
export type WrittenReply = Readonly<Record<string, unknown>>;

/** The text of a chain's reply. */
export function writeChainReply(replies: readonly WrittenReply[]): string {
  return JSON.stringify({ replies });
}

/** Reads the text of a chain's reply; a string in place of the replies says what is wrong with it. */
export function readChainReply(text: string): readonly ChainReply[] | string {
  let value: { readonly replies?: unknown } | null;
  try {
    value = JSON.parse(text) as typeof value;
  } catch {
    return `no JSON: ${text.slice(0, 200)}`;
  }
  if (!Array.isArray(value?.replies)) return 'replies: expected array';
  const replies: ChainReply[] = [];
  for (const one of value.replies as unknown[]) {
    if ((one as { late?: unknown } | null)?.late === true) {
      replies.push({ kind: 'late' });
      continue;
    }
    const reply = readReplyValue(one);
    if (typeof reply === 'string') return reply;
    replies.push(reply);
  }
  return replies;
}
