export { type Connections, createConnections } from './connections.js';
export { learnPlugin, listPlugins } from './learn.js';
export type { PluginMetrics } from './metrics.js';
export { openConnection } from './open.js';
export { startExternalPlugin } from './plugin.js';
