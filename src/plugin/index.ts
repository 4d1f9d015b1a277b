/**
 * What a plugin author writes against: `definePlugin`, the answers, and the types of hooks, payloads and context.
 *
 * @module
 */
export type {
  AskWay,
  HookName,
  HookResult,
  ModifiedOf,
  PayloadOf,
  PluginContext,
  Violation,
} from '../hooks/index.js';
export {
  ask,
  block,
  type ConfigSchema,
  definePlugin,
  type ForeignHooks,
  type Hook,
  type HookAnswer,
  type HookCall,
  type Hooks,
  modify,
  type PluginDefinition,
  type PluginInstance,
  type PluginSetup,
  proceed,
  type Question,
} from './define.js';
