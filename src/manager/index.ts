export { openPluginManager, type PluginManager } from './manager.js';
export { type HookCallResult, maxPayloadBytes, type PluginRequest, type PluginRun } from './request.js';
