/**
 * JSON from elsewhere: `parseJson` is the one place where a text of another is parsed, within limits. Begin with `scan.ts`.
 */
export { carriedDepth, maxDepth, maxKeys } from './limits.js';
export { findId, parseJson } from './parse.js';
