/**
 * JSON from elsewhere, and JSON that is passed on: `parseJson` and `parseExactJson` are the one place where a text of
 * another is parsed, within limits; `writeJson` writes numbers as they came. Begin with `scan.ts`.
 */
export { beyondLimits, carriedDepth, maxDepth, maxKeys } from './limits.js';
export {
  holdsNumbers,
  idKey,
  isJsonObject,
  JsonNumber,
  plainJson,
  plainNumber,
  sameNumber,
} from './number.js';
export { findId, parseExactJson, parseJson } from './parse.js';
export { jsonText, writeJson } from './write.js';
