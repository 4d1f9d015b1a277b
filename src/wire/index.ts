export {
  type ChainReply,
  type ChainStep,
  chainBudgetMs,
  chainMeta,
  lateReply,
  readChainArguments,
  readChainReply,
  takesChains,
  untouchedReply,
  writeChainArguments,
  writeChainReply,
} from './chain.js';
export {
  describePlugin,
  hideSecrets,
  type PluginReport,
  pluginDefaults,
  readPluginReport,
} from './describe.js';
export {
  type ContextUpdate,
  type HookReply,
  holdsParts,
  type InvokeReply,
  readInvokeArguments,
  readNameArgument,
  readReply,
  readReplyValue,
  writeError,
  writeInvokeArguments,
  writeResult,
} from './invoke.js';
export { toolList, toolNames } from './tools.js';
