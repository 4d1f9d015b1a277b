export {
  filledContext,
  filledGlobal,
  filledResult,
  GlobalContext,
  globalContext,
  HookResult,
  PluginContext,
  PluginErrorModel,
  readContext,
  readContextParts,
  readGlobalContext,
  readHookResult,
  SettledContext,
  SettledGlobal,
  Violation,
  wholeResult,
} from './models.js';
export { jsonCopy } from './plain.js';
export { problemsOf, problemText, quickAccept, type Reading, reader } from './reader.js';
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
