import type { Cancellation } from '../cancel.js';
import { PluginNotFound, ReplyInvalid } from '../errors.js';
import type { PluginContext } from '../hooks/index.js';
import { type ChainReply, readChainReply, takesChains, writeChainArguments } from './chain.js';
import { type InvokeReply, readReply, writeInvokeArguments } from './invoke.js';
import { type PluginReport, readPluginReport, toolNames } from './tools.js';

/** What a tool answered. */
export interface ToolReply {
  /** The texts of the text items. */
  readonly texts: readonly string[];
  /** What the server says beside the result: `_meta` of MCP. */
  readonly meta: Readonly<Record<string, unknown>>;
}

/** What a hook call needs of a connection. */
export interface ToolConnection {
  /** The other end, as a sentence names it. */
  readonly peer: string;
  /** Calls a tool; its arguments are an object written as JSON, `headers` go with it. Rejects with a SallyError. */
  call(tool: string, args: string, signal: Cancellation, headers?: CallHeaders): Promise<ToolReply>;
}

/** Headers of HTTP that go with a call, such as `traceparent`; over stdio in `_meta`. */
type CallHeaders = Readonly<Record<string, string>> | undefined;

/** Whose numbers come as they were written, where `exactNumbers` says so. */
type ExactConnection = Pick<ToolConnection, 'peer'> & { readonly exactNumbers: boolean };

/** Calls one hook of one plugin. Its reply is for `readHookReply`. */
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
  return connection.call(toolNames.invokeHook, writeInvokeArguments(call), signal, headers);
}

/** What came back of a hook call. Throws `SALLY_WIRE_REPLY` where it is none. */
export function readHookReply({ texts }: ToolReply, { peer, exactNumbers }: ExactConnection): InvokeReply {
  const read = readReply(texts[0] ?? '', exactNumbers);
  if (typeof read === 'string') throw ReplyInvalid({ peer, tool: toolNames.invokeHook, reason: read });
  return read;
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

/** Asks a server for one plugin, which every server of the contract answers without a hook. */
export function askForPlugin(
  connection: ToolConnection,
  name: string,
  signal: Cancellation,
): Promise<ToolReply> {
  return connection.call(toolNames.pluginConfig, JSON.stringify({ name }), signal);
}

/** What a server says of one plugin, and whether it takes chains. Rejects with a SallyError; where it has no such plugin, the error names those that it has. */
export async function learnPlugin(
  connection: ToolConnection,
  name: string,
  signal: Cancellation,
): Promise<{ readonly report: PluginReport; readonly chains: boolean }> {
  const { peer } = connection;
  const { texts, meta } = await askForPlugin(connection, name, signal);
  const report = readPluginReport(texts[0] ?? '');
  if (typeof report === 'string') throw ReplyInvalid({ peer, tool: toolNames.pluginConfig, reason: report });
  if (report === null)
    throw PluginNotFound({ plugin: name, where: peer, has: await listPlugins(connection, signal) });
  return { report, chains: takesChains(meta) };
}

/** The names of the plugins that a server has. */
export async function listPlugins(
  connection: ToolConnection,
  signal: Cancellation,
): Promise<readonly string[]> {
  const { texts } = await connection.call(toolNames.pluginConfigs, '{}', signal);
  return texts
    .map(readPluginReport)
    .flatMap((report) => (report && typeof report === 'object' ? [report.name] : []));
}

/** Whether a reply of this tool may be without a text: a server without plugins has nothing to list. */
export const mayBeEmpty = (tool: string): boolean => tool === toolNames.pluginConfigs;
