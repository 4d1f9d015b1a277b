export { externalPluginNames } from './external-names.js';
export { type KeyRow, keyTable } from './file-keys.js';
export { type GatewayConfigOptions, loadGatewayConfig } from './gateway-load.js';
export { type Imported, importConfig } from './import.js';
export { type ConfigOptions, loadConfig, parseConfig } from './load.js';
export {
  legacyModeName,
  type ModeEffect,
  modeEffect,
  modeTable,
  type OnError,
  onErrorValues,
  type PluginMode,
  pluginModes,
} from './modes.js';
export type { ConfigSide } from './reading.js';
export { looksSecret } from './secrets.js';
export type {
  AuthSettings,
  ClientTlsSettings,
  Condition,
  GatewayConfig,
  GatewayLimits,
  GatewaySettings,
  McpSettings,
  PluginEntry,
  PluginSettings,
  PluginsConfig,
  ServerSettings,
  ServerTlsSettings,
  SslCertReqs,
  UpstreamSettings,
} from './types.js';
export { isLoopback } from './url.js';
export { type VariableRow, variableTable } from './variables.js';
