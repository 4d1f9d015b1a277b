export { findClashes, type Listing } from './catalog.js';
export { createRouter, type ReplaceableRouter, type RouterOptions } from './router.js';
