export { clashesAmong } from './clashes.js';
export { createRouter, type ReplaceableRouter } from './router.js';
