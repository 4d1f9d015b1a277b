export { openConnection } from './connection.js';
export { type Connections, createConnections } from './connections.js';
export type { PluginMetrics } from './metrics.js';
export { startExternalPlugin } from './plugin.js';
