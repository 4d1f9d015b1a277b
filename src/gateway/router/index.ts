export { pluginErrorAnswer, violationAnswer } from './answers.js';
export { findClashes, type Listing } from './catalog.js';
export { createRouter, type ReplaceableRouter, type RouterOptions } from './router.js';
