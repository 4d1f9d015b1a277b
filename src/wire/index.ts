/**
 * Hook calls as MCP tools. A gateway calls hooks over any connection that carries calls of tools; a server's calls come in
 * through `tools` (`serve.ts`), which knows whoever runs the hooks as a `HookHost`. What is written and read is in
 * `invoke.ts`, and in `chain.ts` for several plugins in one round trip; how a gateway learns what plugins a server has is in
 * `client.ts`. No other room has a name of a tool.
 */

export {
  type ChainReply,
  callHooks,
  chainBudgetMs,
  knowsNoChains,
  readChainReply,
  readHookReplies,
} from './chain.js';
export { askForPlugin, learnPlugin, listPlugins } from './client.js';
export {
  callHook,
  type InvokeReply,
  readHookReply,
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
  mayBeEmpty,
  type PluginReport,
  pluginDefaults,
  readPluginReport,
  type ToolConnection,
  type ToolReply,
  toolList,
  toolNames,
} from './tools.js';
