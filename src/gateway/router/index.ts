export { pluginErrorAnswer, violationAnswer } from './answers.js';
export { clashesAmong } from './find.js';
export { wordOf } from './input-required.js';
export { createRouter, type ReplaceableRouter } from './router.js';
