/**
 * Hook calls as MCP tools. A connection is given the arguments of a call and a reply is read (`invoke.ts`, `chain.ts` for
 * several plugins in one round trip); a server's calls come in through `tools` (`serve.ts`), which knows whoever runs the
 * hooks as a `HookHost`. No other room of a server, and no manager, has a name of a tool.
 */
export {
  type ChainReply,
  chainBudgetMs,
  readChainReply,
  takesChains,
  writeChainArguments,
} from './chain.js';
export {
  type InvokeReply,
  readInvokeArguments,
  readNameArgument,
  readReply,
  writeError,
  writeInvokeArguments,
  writeResult,
} from './invoke.js';
export { type Tool, type ToolDeps, type ToolResult, tools } from './serve.js';
export {
  describePlugin,
  hideSecrets,
  type PluginReport,
  pluginDefaults,
  readPluginReport,
  toolList,
  toolNames,
} from './tools.js';
