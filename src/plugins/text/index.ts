/**
 * Where text is in a payload, what is found in it, and what becomes of that: what all filters share. Begin with `walk.ts`.
 */
export {
  type Action,
  actionKeys,
  actionSchema,
  apart,
  createReplacer,
  hashNeedsKey,
  type Match,
  type Replace,
  type ReplaceSettings,
  replaceMatches,
} from './actions.js';
export { type Finding, Findings } from './findings.js';
export { textFilter } from './hooks.js';
export { scanningHooks } from './scanning.js';
export { mapTexts, type Place, type TextOptions, textHooks, type Visit } from './walk.js';
