export { quickAccept } from './accepts.js';
export {
  filledContext,
  filledGlobal,
  GlobalContext,
  globalContext,
  PluginContext,
  readContext,
  readContextParts,
  readGlobalContext,
  SettledContext,
  SettledGlobal,
} from './context.js';
export { jsonCopy } from './plain.js';
export { problemsOf, problemText } from './problems.js';
export { type Reading, reader } from './read.js';
export {
  filledResult,
  HookResult,
  PluginErrorModel,
  readHookResult,
  Violation,
  wholeResult,
} from './result.js';
export {
  type HookName,
  hookNames,
  hookRow,
  hookTable,
  type ModifiedOf,
  nextPayload,
  type PayloadCondition,
  type PayloadOf,
  readModified,
  readPayload,
} from './table.js';
