export { needsLists, unmatchedConditions } from './conditions.js';
export { clashesAmong, offeredBy } from './find.js';
export type { ListCounts } from './kept-lists.js';
export { readEntries, readNames } from './read-lists.js';
export { pluginErrorResponse, publicError, violationResponse } from './responses.js';
export { createRouter, type ReplaceableRouter } from './router.js';
export { makeServers } from './servers.js';
export { unmatchedServers } from './unmatched-servers.js';
