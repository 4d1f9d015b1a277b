/**
 * Hook calls as MCP tools. A gateway calls hooks over any connection that carries calls of tools (`client.ts`); a
 * server's calls come in through `tools` (`serve.ts`), which knows whoever runs the hooks as a `HookHost`. What is written
 * and read is in `invoke.ts`, and in `chain.ts` for several plugins in one round trip. No other room has a name of a tool.
 */

export {
  type ChainReply,
  chainBudgetMs,
  readChainReply,
} from './chain.js';
export {
  askForPlugin,
  callHook,
  callHooks,
  knowsNoChains,
  learnPlugin,
  listPlugins,
  mayBeEmpty,
  readHookReplies,
  readHookReply,
  type ToolConnection,
  type ToolReply,
} from './client.js';
export {
  type InvokeReply,
  readInvokeArguments,
  readNameArgument,
  readReply,
  writeError,
  writeResult,
} from './invoke.js';
export { type HookHost, tools } from './serve.js';
export {
  describePlugin,
  hideSecrets,
  type PluginReport,
  pluginDefaults,
  readPluginReport,
  toolList,
  toolNames,
} from './tools.js';
