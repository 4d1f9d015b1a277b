export { openPluginManager, type PluginManager } from './manager.js';
export { maxPayloadBytes } from './payload.js';
export type { HookCallResult, PluginRequest, PluginRun } from './request.js';
