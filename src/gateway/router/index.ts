export { pluginErrorAnswer, violationAnswer } from './answers.js';
export { clashesAmong } from './find.js';
export { createRouter, type ReplaceableRouter } from './router.js';
