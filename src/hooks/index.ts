export { aliasBeginnings, aliasOf, isAliasOf, looksLikeAlias, type NameForm } from './alias.js';
export { type Ask, type AskWay, askKey, askOf, askWays } from './ask.js';
export {
  filledContext,
  filledGlobal,
  GlobalContext,
  globalContext,
  type HookOutcome,
  type OneOutcome,
  type Outcome,
  PluginContext,
  PluginErrorModel,
  readContext,
  readContextParts,
  readGlobalContext,
  SettledContext,
  SettledGlobal,
} from './models.js';
export { jsonCopy, problemsOf, problemText, quickAccept, type Reading, reader } from './reader.js';
export {
  filledResult,
  type HookName,
  HookResult,
  hookMeant,
  hookNames,
  hookRow,
  hookTable,
  type ModifiedOf,
  nextPayload,
  type PayloadCondition,
  type PayloadOf,
  prefixedName,
  readHookResult,
  readModified,
  readPayload,
  unprefixedNames,
  Violation,
  wholeResult,
} from './table.js';
