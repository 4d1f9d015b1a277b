export { errorAnswer, pluginErrorAnswer, violationAnswer } from './answers.js';
export { clashesAmong } from './clashes.js';
export { wordOf } from './held.js';
export { createRouter, type ReplaceableRouter } from './router.js';
