export type { ApprovalSettings, WebhookSettings } from './approval-settings.js';
export {
  type ClientHeaders,
  type ClientValue,
  claimsIn,
  credentialsIn,
  type ValuePart,
} from './client-headers.js';
export type { ConsentSettings } from './consent-settings.js';
export { type ConsoleSettings, consoleDefaults } from './console-settings.js';
export type { AuthSettings, GatewayLimits, GatewaySettings } from './gateway-settings.js';
export { type Elsewhere, type Imported, importConfig } from './import.js';
export { configurationInForce } from './in-force.js';
export { keyTable, pluginKeys } from './keys.js';
export {
  type ConfigOptions,
  externalPluginNames,
  type GatewayConfig,
  type GatewayConfigOptions,
  loadConfig,
  loadGatewayConfig,
  type PluginsConfig,
  parseConfig,
  type ServerInput,
} from './load.js';
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
export { type Networks, networksOf, plainAddress } from './networks.js';
export { type ClientAuthMethod, isPerUser, type OauthSettings } from './oauth-settings.js';
export type { Condition, McpSettings, PluginEntry, PluginSettings } from './plugin-settings.js';
export { looksSecret } from './problems.js';
export {
  noProxies,
  type ProxyRules,
  type ProxySettings,
  proxyFor,
  proxyName,
  upstreamProxy,
} from './proxies.js';
export { type ConfigSide, isLoopback } from './reading.js';
export type { KeyRow } from './schema.js';
export type { ServerSettings } from './server-settings.js';
export { type ServerKeyRow, serverKeyTable } from './servers-keys.js';
export { isServersFile } from './servers-list.js';
export {
  type ClientTlsSettings,
  isUriPattern,
  type ServerTlsSettings,
  type SslCertReqs,
} from './tls-settings.js';
export type { ToolsLockSettings } from './tools-lock-settings.js';
export type { UpstreamSettings } from './upstream-settings.js';
export { type VariableRow, variableTable } from './variables.js';
export { isPattern, type OfferedEntry, type VirtualServerSettings } from './virtual-servers.js';
