export {
  describePlugin,
  hideSecrets,
  type PluginReport,
  pluginDefaults,
  readPluginReport,
} from './describe.js';
export {
  type InvokeReply,
  readInvokeArguments,
  readNameArgument,
  readReply,
  wholeResult,
  writeError,
  writeInvokeArguments,
  writeResult,
} from './invoke.js';
export { toolList, toolNames } from './tools.js';
