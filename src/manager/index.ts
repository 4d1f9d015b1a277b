export { openPluginManager, type PluginManager } from './manager.js';
export { type HookCallResult, maxPayloadBytes, type PluginRequest } from './request.js';
