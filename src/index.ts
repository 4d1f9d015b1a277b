/**
 * The gateway side as a library: load a plugin file, start its plugins, call hooks. Plugin authors import
 * `sallyport/plugin`; certificates are made with `sallyport/pki`.
 *
 * @module
 */
export {
  externalPluginNames,
  type GatewayConfig,
  loadConfig,
  loadGatewayConfig,
  type PluginEntry,
  type PluginMode,
  type PluginsConfig,
  parseConfig,
} from './config/index.js';
export { SallyError } from './errors.js';
export { createGateway, type Gateway, type GatewayAddress, type PartStatus } from './gateway/index.js';
export {
  GlobalContext,
  type HookName,
  HookResult,
  hookNames,
  type PayloadOf,
  PluginContext,
  Violation,
} from './hooks/index.js';
export { openTraces } from './listener/index.js';
export { createLogger, type Logger, silentLogger } from './log.js';
export {
  type HookCallResult,
  maxPayloadBytes,
  openPluginManager,
  type PluginManager,
  type PluginRequest,
} from './manager/index.js';
export { createPluginServer, type PluginServer, type ServerAddress } from './server/index.js';
export type { Observer, TracerSource, Traces } from './telemetry/index.js';
