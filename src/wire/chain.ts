import { z } from 'zod';
import type { Cancellation } from '../cancel.js';
import { findSallyError, messageOf, ReplyInvalid, ToolArgumentsInvalid } from '../errors.js';
import { filledGlobal, GlobalContext, reader, SettledGlobal } from '../hooks/index.js';
import { carriedDepth, parseExactJson, parseJson, writeJson } from '../json/index.js';
import { type InvokeReply, readReplyValue } from './invoke.js';
import {
  type CallHeaders,
  type ExactConnection,
  type ToolConnection,
  type ToolReply,
  toolNames,
} from './tools.js';

/**
 * Several plugins of one server in one round trip: a tool that servers of ours have beside those of the contract. They
 * say so in `_meta` of the replies by which a gateway learns of their plugins, too: it need not ask for their tools.
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

/**
 * A plugin of a chain: what a single call of it would carry, and what ends the chain after it. What is left out is
 * empty, and the strictest.
 */
const Step = z.looseObject({
  plugin_name: z.string(),
  state: object.optional(),
  metadata: object.optional(),
  on_violation: z.string().optional(),
  on_error: z.string().optional(),
  modifies: z.boolean().optional(),
  /** Of the gateway's call of this plugin: the header is that of the first one. */
  traceparent: z.string().optional(),
});
export type ChainStep = Readonly<z.output<typeof Step>>;

const shape = {
  hook_type: z.string(),
  payload: object,
  /** For each of the plugins. */
  timeout_ms: z.number(),
  plugins: z.array(Step),
};
const ChainArguments = z.looseObject({ ...shape, global_context: GlobalContext });
export type ChainArguments = Readonly<z.output<typeof ChainArguments>>;
const readShape = reader(
  ChainArguments,
  z.looseObject({ ...shape, global_context: SettledGlobal }),
  (given) => ({ ...given, global_context: filledGlobal(given.global_context) }) as ChainArguments,
);

/** Reads the arguments of a chain. Throws `SALLY_WIRE_ARGUMENTS`. */
export function readChainArguments(value: unknown): ChainArguments {
  const read = readShape(value ?? {});
  if (read.ok) return read.data;
  throw ToolArgumentsInvalid({ tool: toolNames.invokeHooks, problems: read.problems });
}

/** A plugin of a chain as it is written. */
interface WrittenStep {
  readonly plugin_name: string;
  readonly state: object | undefined;
  readonly metadata: object | undefined;
  readonly on_violation: string | undefined;
  readonly on_error: string | undefined;
  readonly modifies: boolean | undefined;
  readonly traceparent: string | undefined;
}

/** Writes the arguments of a chain. A payload that was written before is not written again. */
export function writeChainArguments(
  {
    hook_type,
    payload,
    timeout_ms,
    global_context,
    plugins,
  }: {
    readonly hook_type: string;
    readonly payload: unknown;
    readonly timeout_ms: number;
    readonly global_context: GlobalContext;
    readonly plugins: readonly WrittenStep[];
  },
  payloadJson = writeJson(payload),
): string {
  const rest = writeJson({ hook_type, timeout_ms, global_context }).slice(1, -1);
  return `{"payload":${payloadJson},${rest},"plugins":[${plugins.map(writeStep).join(',')}]}`;
}

/** Field by field: most have a name and nothing else, and JSON.stringify looks at each field of each. */
function writeStep(step: WrittenStep): string {
  const { plugin_name, state, metadata, on_violation, on_error, modifies, traceparent } = step;
  const field = (name: string, value: unknown) =>
    value === undefined ? '' : `,"${name}":${writeJson(value)}`;
  const more =
    field('state', state) +
    field('metadata', metadata) +
    field('on_violation', on_violation) +
    field('on_error', on_error) +
    field('modifies', modifies) +
    field('traceparent', traceparent);
  return `{"plugin_name":${JSON.stringify(plugin_name)}${more}}`;
}

/**
 * What a plugin of a chain answered: as in a single call, that the gateway's own deadline was over, or that it let the
 * request go on and left everything as it was.
 */
export type ChainReply = (InvokeReply | { readonly kind: 'late' } | { readonly kind: 'untouched' }) & {
  /** What the plugin took, in milliseconds, where the server says so. */
  tookMs?: number | undefined;
};

/** The JSON of a reply of a chain where it is not the text of a single call. */
export const lateReply = '{"late":true}';
export const untouchedReply = 'null';

/** The text of a chain's reply, of the JSON of its replies and what each plugin took, in milliseconds. */
export function writeChainReply(replies: readonly string[], took: readonly number[]): string {
  const times = took.map((ms) => Math.round(ms * 1_000) / 1_000);
  return `{"replies":[${replies.join(',')}],"took_ms":[${times.join(',')}]}`;
}

/**
 * Reads the text of a chain's reply, to steps with these plugins: as many replies as there are steps or fewer, in their
 * order. A string in place of the replies says what is wrong with it. `exact` keeps numbers as they are written.
 */
export function readChainReply(
  text: string,
  plugins: readonly string[],
  exact = false,
): readonly ChainReply[] | string {
  let value: { readonly replies?: unknown; readonly took_ms?: unknown } | null;
  try {
    const read = exact ? parseExactJson : parseJson;
    value = read(text, { what: 'the reply', depth: carriedDepth }) as typeof value;
  } catch (error) {
    const refusal = findSallyError(error);
    if (refusal) throw refusal;
    return `no JSON: ${text.slice(0, 200)}`;
  }
  if (!Array.isArray(value?.replies)) return 'replies: expected array';
  const given = value.replies as unknown[];
  if (given.length > plugins.length) return `replies: expected at most ${plugins.length}`;
  const times = Array.isArray(value.took_ms) ? (value.took_ms as unknown[]) : [];
  const replies: ChainReply[] = [];
  for (const [i, one] of given.entries()) {
    const tookMs = timeOf(times[i]);
    if (one === null) {
      replies.push({ kind: 'untouched', tookMs });
      continue;
    }
    if ((one as { late?: unknown } | null)?.late === true) {
      replies.push({ kind: 'late', tookMs });
      continue;
    }
    const { plugin_name: name } = Object(one) as { plugin_name?: unknown };
    if (name !== undefined && name !== plugins[i]) {
      return `replies.${i}: expected that of the plugin ${plugins[i]}, received one of ${messageOf(name).slice(0, 100)}`;
    }
    const reply = readReplyValue(one);
    if (typeof reply === 'string') return reply;
    replies.push({ ...reply, tookMs });
  }
  return replies;
}

/** A server may say what it likes. */
function timeOf(given: unknown): number | undefined {
  const ms = Number(given);
  return given !== undefined && ms >= 0 && Number.isFinite(ms) ? ms : undefined;
}

/** Calls one hook of several plugins. Its reply is for `readHookReplies`. */
export function callHooks(
  connection: ToolConnection,
  chain: Parameters<typeof writeChainArguments>[0],
  payloadJson: string | undefined,
  signal: Cancellation,
  headers?: CallHeaders,
): Promise<ToolReply> {
  return connection.call(toolNames.invokeHooks, writeChainArguments(chain, payloadJson), signal, headers);
}

/** What came back of a call of these plugins. Throws `SALLY_WIRE_REPLY`. */
export function readHookReplies(
  { texts }: ToolReply,
  plugins: readonly string[],
  { peer, exactNumbers }: ExactConnection,
): readonly ChainReply[] {
  const replies = readChainReply(texts[0] ?? '', plugins, exactNumbers);
  if (typeof replies === 'string') throw ReplyInvalid({ peer, tool: toolNames.invokeHooks, reason: replies });
  return replies;
}

/** Whether a server has not run several plugins because it cannot: one that took the place of a newer one. */
export function knowsNoChains(error: unknown): boolean {
  return ReplyInvalid.is(error) && error.context.reason.includes('Unknown tool');
}
