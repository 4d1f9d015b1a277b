export { maxPayloadBytes } from './call.js';
export { checkPlugin, isBundled, openPluginManager, type PluginManager } from './manager.js';
export type { HookCallResult, InvokeOptions, PluginRequest } from './request.js';
