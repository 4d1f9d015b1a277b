export { needsLists, unmatchedConditions } from './conditions.js';
export { clashesAmong, offeredBy } from './find.js';
export { pluginErrorResponse, publicError, violationResponse } from './responses.js';
export { createRouter, type ReplaceableRouter } from './router.js';
