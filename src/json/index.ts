/**
 * JSON from elsewhere, and JSON that is passed on: `parseJson` and `parseExactJson` are the one place where a text of
 * another is parsed, within limits; `writeJson` writes numbers as they came. Begin with `parse.ts`.
 */
export {
  idKey,
  isJsonObject,
  JsonNumber,
  jsonText,
  plainJson,
  plainNumber,
  sameNumber,
  writeJson,
} from './number.js';
export {
  beyondLimits,
  carriedDepth,
  findId,
  holdsNumbers,
  isJson,
  maxDepth,
  maxKeys,
  parseExactJson,
  parseJson,
} from './parse.js';
