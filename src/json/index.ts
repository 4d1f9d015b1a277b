/**
 * JSON from elsewhere, and JSON that is passed on: `parseJson` and `parseExactJson` are the one place where a text of
 * another is parsed, within limits; `writeJson` writes numbers as they came. Begin with `scan.ts`.
 */
export {
  holdsNumbers,
  idKey,
  isJsonObject,
  JsonNumber,
  jsonText,
  plainJson,
  plainNumber,
  sameNumber,
  writeJson,
} from './number.js';
export { findId, parseExactJson, parseJson } from './parse.js';
export { beyondLimits, carriedDepth, maxDepth, maxKeys } from './scan.js';
