export { openConnection } from './connection.js';
export { type Connections, createConnections } from './connections.js';
export type { PluginMetrics } from './metrics.js';
export { learnPlugin, listPlugins, startExternalPlugin } from './plugin.js';
