export { clashesAmong } from './clashes.js';
export { createRouter, type ReplaceableRouter, type RouterOptions } from './router.js';
