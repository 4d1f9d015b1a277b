export { createPluginServer, type PluginServer, type ServerAddress } from './server.js';
export { servePluginsOverStdio } from './stdio.js';
