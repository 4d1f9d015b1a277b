export { GlobalContext, globalContext, PluginContext } from './context.js';
export { problemsOf, problemText } from './problems.js';
export { HookResult, PluginErrorModel, Violation } from './result.js';
export {
  type HookName,
  hookNames,
  hookRow,
  hookTable,
  type ModifiedOf,
  nextPayload,
  type PayloadCondition,
  type PayloadOf,
} from './table.js';
