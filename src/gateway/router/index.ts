export { clashesAmong } from './find.js';
export { pluginErrorResponse, publicError, violationResponse } from './responses.js';
export { createRouter, type ReplaceableRouter } from './router.js';
