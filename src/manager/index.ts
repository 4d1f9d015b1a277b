export { maxPayloadBytes } from './call.js';
export { openPluginManager, type PluginManager } from './manager.js';
export type { HookCallResult, InvokeOptions, PluginRequest } from './request.js';
