import { onErrorValues, pluginModes } from './modes.js';
import type { Keys } from './schema.js';

// Seconds: an hour is longer than any request waits.
const seconds = { kind: 'number', max: 3600 } as const;
const text = { kind: 'text' } as const;
const filled = { kind: 'text', filled: true } as const;
const texts = { kind: 'texts' } as const;
const path = { kind: 'path' } as const;
const host = { kind: 'host' } as const;
const boolean = { kind: 'boolean' } as const;

const tlsKeys = {
  certfile: { type: path, ifNull: 'absent', meaning: 'certificate that this side shows, in PEM' },
  keyfile: {
    type: path,
    ifNull: 'absent',
    meaning: 'private key of the certificate that this side shows, in PEM',
  },
  ca_bundle: {
    type: path,
    ifNull: 'absent',
    meaning: 'certificate authorities that the other side is verified against',
  },
  keyfile_password: {
    type: { kind: 'secret' },
    ifNull: 'absent',
    meaning: 'password of the private key, where it has one',
  },
  crl_file: {
    type: path,
    ifNull: 'absent',
    meaning:
      'revocation lists in PEM, one of every CA in ca_bundle: a certificate that one of them names is refused',
  },
  pins: {
    type: { kind: 'texts', of: { kind: 'pin' }, filled: true },
    ifNull: 'absent',
    meaning: 'public keys, of which the other side or a CA above it must have one, beside all other checks',
  },
} as const satisfies Keys;

export const clientTlsKeys = {
  ...tlsKeys,
  verify: {
    type: boolean,
    default: 'true',
    meaning: 'whether the certificate of the plugin server must verify',
  },
  check_hostname: {
    type: boolean,
    default: 'true',
    meaning: "whether that certificate must be for the URL's host",
  },
  server_name: {
    type: host,
    ifNull: 'absent',
    meaning: "check the certificate for this name in place of the URL's host",
  },
  identity: {
    type: filled,
    ifNull: 'absent',
    meaning:
      "whose certificate it must be. Absent: this plugin's, where it names a role. plugin: this plugin's, by role, DNS name, or CN where there is no subjectAltName. host: any plugin's on that host. Else the name of the plugin whose certificate the server shows",
  },
} as const satisfies Keys;

export const serverTlsKeys = {
  ...tlsKeys,
  ssl_cert_reqs: {
    type: { kind: 'integer', min: 0, max: 2 },
    default: '2',
    meaning: 'client certificate: 0 not asked for, 1 must verify if one is shown, 2 required',
  },
  allowed_clients: {
    type: { kind: 'texts', of: filled, filled: true },
    ifNull: 'absent',
    meaning:
      'clients that may connect: URI:, DNS: or CN: and a name, or a name of any kind (with :// a URI, and a CN only where there is no subjectAltName); * stands for a part of one. Absent: the gateway, where certificates name a role, else any client of the CA',
  },
} as const satisfies Keys;

export const mcpKeys = {
  proto: {
    type: { kind: 'choice', values: ['STREAMABLEHTTP', 'STDIO'], elsewhere: ['SSE'] },
    default: 'STREAMABLEHTTP',
    meaning: 'how the plugin server is reached',
  },
  url: {
    type: filled,
    ifNull: 'absent',
    meaning: 'where the plugin server is, with its path: https://localhost:8000/mcp',
  },
  tls: {
    type: { kind: 'map', keys: clientTlsKeys },
    ifNull: 'empty',
    meaning: 'TLS towards this plugin server',
  },
  uds: {
    type: path,
    ifNull: 'absent',
    meaning: 'Unix domain socket of the plugin server, in place of the host of url; without TLS',
  },
  cmd: { type: texts, ifNull: 'absent', meaning: 'for STDIO: the command that starts it, and its arguments' },
  script: { type: path, ifNull: 'absent', meaning: 'for STDIO, in place of cmd: a .py, .sh or .js file' },
  env: { type: { kind: 'dict' }, ifNull: 'absent', meaning: 'for STDIO: variables set for it' },
  cwd: { type: path, ifNull: 'absent', meaning: 'for STDIO: the folder that it runs in' },
  reconnect_attempts: {
    type: { kind: 'integer', min: 0 },
    ifNull: 'absent',
    meaning: 'without effect here: connections come back by themselves',
  },
  reconnect_delay: { type: seconds, ifNull: 'absent', meaning: 'without effect here' },
} as const satisfies Keys;

export const conditionKeys = {
  server_ids: { type: texts, ifNull: 'absent', meaning: 'virtual servers of the gateway' },
  tenant_ids: { type: texts, ifNull: 'absent', meaning: 'tenants' },
  tools: { type: texts, ifNull: 'absent', meaning: 'names of tools' },
  prompts: { type: texts, ifNull: 'absent', meaning: 'ids of prompts' },
  resources: { type: texts, ifNull: 'absent', meaning: 'URIs of resources' },
  agents: { type: texts, ifNull: 'absent', meaning: 'ids of agents' },
  user_patterns: { type: texts, ifNull: 'absent', meaning: 'patterns of user names' },
  content_types: { type: texts, ifNull: 'absent', meaning: 'content types' },
} as const satisfies Keys;

export const pluginKeys = {
  name: {
    type: filled,
    required: true,
    meaning: 'name of the plugin, unlike any other without regard to case',
  },
  kind: {
    type: filled,
    required: true,
    meaning: "'external' for a plugin behind a plugin server, else the module that holds it",
  },
  description: { type: text, ifNull: 'absent', meaning: 'what it is for' },
  author: { type: text, ifNull: 'absent', meaning: 'who wrote it' },
  namespace: { type: text, ifNull: 'absent', meaning: 'whose it is' },
  version: { type: text, ifNull: 'absent', meaning: 'its version' },
  hooks: { type: texts, ifNull: 'absent', meaning: 'hooks that it answers to' },
  tags: { type: texts, ifNull: 'absent', meaning: 'words to find it by' },
  mode: {
    type: { kind: 'choice', values: pluginModes },
    default: 'enforce',
    meaning: 'what its violations and failures lead to',
  },
  on_error: {
    type: { kind: 'choice', values: onErrorValues },
    ifNull: 'absent',
    meaning: 'what its failures lead to, over the mode',
  },
  priority: {
    type: { kind: 'integer' },
    default: '100',
    meaning: 'its place in the order: lower runs first',
  },
  conditions: {
    type: { kind: 'maps', keys: conditionKeys },
    ifNull: 'absent',
    meaning: 'when it runs: any entry may match, and in an entry every key must',
  },
  applied_to: {
    type: { kind: 'free' },
    ifNull: 'absent',
    meaning: 'parts of a payload it is meant for; passed on',
  },
  max_content_size: {
    type: { kind: 'integer', min: 1 },
    ifNull: 'absent',
    meaning: 'largest content it takes, in bytes; passed on',
  },
  capabilities: { type: { kind: 'free' }, ifNull: 'absent', meaning: 'what it may do; passed on' },
  config: {
    type: { kind: 'dict' },
    ifNull: 'absent',
    meaning: "the plugin's own settings; not on an external entry",
  },
  mcp: {
    type: { kind: 'map', keys: mcpKeys },
    ifNull: 'absent',
    meaning: 'the plugin server of an external entry, which requires it',
  },
} as const satisfies Keys;

export const settingsKeys = {
  plugin_timeout: { type: seconds, default: '30', meaning: 'seconds that a plugin has for one hook call' },
  fail_on_plugin_error: {
    type: boolean,
    default: 'false',
    meaning: 'whether any plugin failure ends the request, whatever the mode',
  },
  parallel_execution_within_band: {
    type: boolean,
    default: 'false',
    meaning: 'whether plugins of one priority run at once',
  },
  enable_plugin_api: { type: boolean, default: 'false', meaning: 'without effect here' },
  include_user_info: { type: boolean, default: 'false', meaning: 'without effect here' },
  plugin_health_check_interval: {
    type: seconds,
    default: '60',
    meaning: 'seconds between looks at the servers of external plugins',
  },
  plugin_away_after: {
    type: { kind: 'integer', min: 0 },
    default: '3',
    meaning:
      'timeouts in a row after which a plugin server is probed; where it does not answer that within 2 s either, its plugins are away: modes that ignore failures skip them at once, the others fail at once. 0 turns this off',
  },
  plugin_probe_interval: {
    type: seconds,
    default: '10',
    meaning: 'longest pause in seconds between probes of a plugin server that is away; the first are sooner',
  },
} as const satisfies Keys;

export const serverKeys = {
  host: { type: host, default: '127.0.0.1', meaning: 'address that the plugin server listens on' },
  port: {
    type: { kind: 'integer', min: 1, max: 65535 },
    default: '8000',
    meaning: 'port that it listens on; with TLS, health is served on port + 1000',
  },
  uds: {
    type: path,
    ifNull: 'absent',
    meaning: 'Unix domain socket that it listens on, in place of host and port; without TLS',
  },
  tls: { type: { kind: 'map', keys: serverTlsKeys }, ifNull: 'empty', meaning: 'TLS that it serves with' },
} as const satisfies Keys;
