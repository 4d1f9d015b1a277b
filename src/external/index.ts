export { type Connections, createConnections } from './connections.js';
export { startExternalPlugin } from './plugin.js';
