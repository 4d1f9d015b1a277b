import { approvalKeys } from './approval-keys.js';
import { auditKeys } from './audit-keys.js';
import { onErrorValues, pluginModes } from './modes.js';
import { consentKeys, oauthClientKeys } from './oauth-keys.js';
import { ruleKeys, ruleTestKeys } from './rules-keys.js';
import { type Keys, key, keyRows, optional, required } from './schema.js';
import { clientTlsKeys, serverTlsKeys, upstreamTlsKeys } from './tls-keys.js';
import { toolsLockKeys } from './tools-lock-keys.js';
import { virtualServerKeys } from './virtual-keys.js';

// Seconds: an hour is longer than any request waits.
const seconds = { kind: 'seconds', max: 3600 } as const;
const text = { kind: 'text' } as const;
const filled = { kind: 'text', filled: true } as const;
const texts = { kind: 'texts' } as const;
const path = { kind: 'path' } as const;
const host = { kind: 'host' } as const;
const port = { kind: 'integer', min: 1, max: 65535 } as const;
const boolean = { kind: 'boolean' } as const;
const count = { kind: 'integer', min: 1 } as const;

/** A list that may be left out, and is then empty. */
const listOrNone = { ifNull: 'absent', default: [] } as const;
/** A key that the peers know, and that has no effect here. */
const unused = { ifNull: 'absent', unused: true } as const;
const unusedFlag = { default: false, unused: true } as const;

export const proxyKeys = {
  url: required(
    filled,
    'where the proxy is: http://proxy.example:3128, or https: for TLS to the proxy; none: no proxy, whatever the variables say',
  ),
  user: optional({ kind: 'secret', written: true }, 'who that is to the proxy, in place of one in url'),
  password: optional({ kind: 'secret', written: true }, 'the password of that user'),
  tls: optional(
    { kind: 'map', keys: upstreamTlsKeys },
    "TLS to the proxy; absent: the roots of the system verify the proxy's certificate",
  ),
} as const satisfies Keys;
const proxy = { kind: 'map', keys: proxyKeys, short: 'url' } as const;

export const mcpKeys = {
  proto: key(
    { kind: 'choice', values: ['STREAMABLEHTTP', 'STDIO'], elsewhere: ['SSE'] },
    'how the plugin server is reached',
    { default: 'STREAMABLEHTTP' },
  ),
  url: optional(filled, 'where the plugin server is, with its path: https://localhost:8000/mcp'),
  tls: key({ kind: 'map', keys: clientTlsKeys }, 'TLS towards this plugin server', { ifNull: 'empty' }),
  uds: optional(path, 'Unix domain socket of the plugin server, in place of the host of url; without TLS'),
  proxy: optional(
    proxy,
    'the proxy that the plugin server is reached through; absent: none, whatever the variables say',
  ),
  cmd: optional(texts, 'for STDIO: the command that starts it, and its arguments'),
  script: optional(path, 'for STDIO, in place of cmd: a .py, .sh or .js file'),
  env: optional({ kind: 'dict' }, 'for STDIO: variables set for it'),
  cwd: optional(path, 'for STDIO: the folder that it runs in'),
  reconnect_attempts: key(
    { kind: 'integer', min: 0 },
    'without effect here: connections come back by themselves',
    unused,
  ),
  reconnect_delay: key(seconds, 'without effect here', unused),
} as const satisfies Keys;

export const conditionKeys = {
  server_ids: optional(texts, 'virtual servers of the gateway'),
  tenant_ids: optional(texts, 'tenants'),
  tools: optional(texts, 'names of tools'),
  prompts: optional(texts, 'ids of prompts'),
  resources: optional(texts, 'URIs of resources'),
  agents: optional(texts, 'ids of agents'),
  user_patterns: optional(texts, 'patterns of user names'),
  content_types: optional(texts, 'content types'),
} as const satisfies Keys;

export const pluginKeys = {
  name: required(filled, 'name of the plugin, unlike any other without regard to case'),
  kind: required(filled, "'external' for a plugin behind a plugin server, else the module that holds it"),
  description: optional(text, 'what it is for'),
  author: optional(text, 'who wrote it'),
  namespace: optional(text, 'whose it is'),
  version: optional(text, 'its version'),
  hooks: optional(texts, 'hooks that it answers to'),
  tags: optional(texts, 'words to find it by'),
  mode: key({ kind: 'choice', values: pluginModes }, 'what its violations and failures lead to', {
    default: 'enforce',
  }),
  on_error: optional({ kind: 'choice', values: onErrorValues }, 'what its failures lead to, over the mode'),
  priority: key({ kind: 'integer' }, 'its place in the order: lower runs first', { default: 100 }),
  conditions: optional(
    { kind: 'maps', keys: conditionKeys },
    'when it runs: any entry may match, and in an entry every key must',
  ),
  applied_to: optional({ kind: 'free' }, 'parts of a payload it is meant for; passed on'),
  max_content_size: optional(
    { kind: 'integer', min: 1 },
    'largest payload it takes, in bytes of JSON: a larger one counts as its failure, so that its mode decides',
  ),
  result_content: optional(
    { kind: 'choice', values: ['full', 'none'] },
    'none: its post-hooks see results without their content, which stays as it is unless they put another in its place',
  ),
  capabilities: optional({ kind: 'free' }, 'what it may do; passed on'),
  config: optional({ kind: 'dict' }, "the plugin's own settings; not on an external entry"),
  mcp: optional({ kind: 'map', keys: mcpKeys }, 'the plugin server of an external entry, which requires it'),
} as const satisfies Keys;

export const settingsKeys = {
  plugin_timeout: key(seconds, 'seconds that a plugin has for one hook call', { default: 30 }),
  fail_on_plugin_error: key(boolean, 'whether any plugin failure ends the request, whatever the mode', {
    default: false,
  }),
  max_payload_bytes: key(
    { kind: 'integer', min: 1_000, max: 64_000_000 },
    'largest payload of a hook, in bytes of JSON; larger ones are refused before any plugin sees them. On a plugin server it says how much it reads',
    { default: 1_000_000 },
  ),
  parallel_execution_within_band: key(boolean, 'whether plugins of one priority run at once', {
    default: false,
  }),
  enable_plugin_api: key(boolean, 'without effect here', unusedFlag),
  include_user_info: key(boolean, 'without effect here', unusedFlag),
  plugin_health_check_interval: key(seconds, 'seconds between looks at the servers of external plugins', {
    default: 60,
  }),
  plugin_away_after: key(
    { kind: 'integer', min: 0 },
    'timeouts in a row after which a plugin server is probed; where it does not answer that within 2 s either, its plugins are away: modes that ignore failures skip them at once, the others fail at once. 0 turns this off',
    { default: 3, as: 'awayAfterTimeouts' },
  ),
  plugin_probe_interval: key(
    seconds,
    'longest pause in seconds between probes of a plugin server that is away; the first are sooner',
    { default: 10, as: 'probeIntervalMs' },
  ),
} as const satisfies Keys;

export const serverKeys = {
  host: key(host, 'address that the plugin server listens on', { default: '127.0.0.1' }),
  port: key(port, 'port that it listens on; with TLS, health is served on port + 1000', { default: 8000 }),
  uds: optional(path, 'Unix domain socket that it listens on, in place of host and port; without TLS'),
  tls: key({ kind: 'map', keys: serverTlsKeys }, 'TLS that it serves with', { ifNull: 'empty' }),
} as const satisfies Keys;

export const userKeys = {
  match: required(
    filled,
    'a name in the certificate: URI:, DNS:, EMAIL: or CN: and the name, or a name of any kind (with :// a URI, and a CN only where there is no subjectAltName); * stands for a part of it',
  ),
  user: optional(filled, 'who that is; absent: the name that matched'),
  tenant: optional(filled, 'whose user that is'),
  servers: optional(
    texts,
    'the virtual servers that it is bound to: all else, /mcp too, is refused; absent: it may go anywhere',
  ),
  groups: optional(texts, 'groups that the user is in, for rules'),
} as const satisfies Keys;

export const authKeys = {
  kind: required(
    { kind: 'choice', values: ['none', 'bearer', 'jwt', 'mtls'] },
    'how a client shows who it is; auth: none says the same as auth: {kind: none}',
  ),
  tokens_file: optional(path, 'for bearer: the file that sallyport token writes'),
  issuer: optional(filled, 'for jwt: who issues the tokens (iss)'),
  audience: optional(filled, 'for jwt: whom they are meant for (aud)'),
  jwks: optional(filled, 'for jwt: the keys of the issuer (RFC 7517), as a URL or a file'),
  user_claim: key(filled, 'for jwt: the claim that names the user', { default: 'sub' }),
  tenant_claim: optional(filled, 'for jwt: the claim that names the tenant'),
  servers_claim: optional(
    filled,
    'for jwt: the claim that names the virtual servers that a token is bound to, a list or a text with blanks; a token without it may go anywhere',
  ),
  groups_claim: key(
    filled,
    'for jwt: the claim with the groups of the user, for rules; dots lead into it (realm_access.roles)',
    { default: 'groups' },
  ),
  scopes: key(texts, 'for jwt: scopes that a token must have, all of them', listOrNone),
  resource: optional(
    filled,
    'for jwt: the URL of this gateway as its metadata names it (RFC 9728); absent: as it was called',
  ),
  users: optional(
    { kind: 'maps', keys: userKeys },
    'for mtls: who the certificates belong to, the first match counts and no match is refused; absent: the URI, DNS name or address of the certificate is the user, or its CN where there is no subjectAltName',
  ),
} as const satisfies Keys;

export const limitKeys = {
  body_bytes: key(count, 'size of a request', { default: 8_000_000 }),
  concurrent_calls: key(count, 'requests at a time', { default: 1000 }),
  concurrent_calls_per_user: key(count, 'requests at a time of one user', { default: 100 }),
  sessions: key(count, 'sessions', { default: 10_000 }),
  sessions_per_user: key(count, 'sessions of one user', { default: 1000 }),
  session_idle: key(
    { kind: 'seconds', max: 86_400 },
    'seconds after which a session without a request and without an open stream ends',
    { default: 1800 },
  ),
  upstream_queue: key(count, 'requests that wait for one upstream', { default: 1000 }),
} as const satisfies Keys;

const clientHeaderKeys = {
  pass: optional(texts, 'headers that go on as the client sent them, no credentials; a list'),
  pass_credentials: optional(
    texts,
    'credentials of the client that this upstream is to have, such as authorization: they were meant for the gateway',
  ),
  from_client: optional(
    { kind: 'named', of: { kind: 'text', written: true } },
    'headers that say who the client is: a text with {{ user }}, {{ tenant }}, {{ auth_method }}, {{ client_host }}, {{ claims.NAME }}',
  ),
} as const satisfies Keys;

export const oauthKeys = {
  ...oauthClientKeys,
  tls: optional(
    { kind: 'map', keys: upstreamTlsKeys },
    'TLS towards the authorization server, with the certificate of tls_client_auth; absent: the roots of the system verify it',
  ),
} as const satisfies Keys;

export const toolNameKeys = {
  max_length: key(
    { kind: 'integer', min: 20, max: 1024 },
    'characters that a name of a tool or prompt may have',
    {
      default: 64,
    },
  ),
  characters: key(
    { kind: 'choice', values: ['model', 'any'] },
    'which characters a name of a tool may have: model, letters, digits, _ and - alone, as the APIs of models take them; any, whatever the upstream has',
    { default: 'model' },
  ),
} as const satisfies Keys;

export const upstreamKeys = {
  command: optional(filled, 'the program that speaks MCP over stdio'),
  args: key(texts, 'its arguments', listOrNone),
  env: key(
    { kind: 'named', of: { kind: 'text', written: true } },
    'variables set for it, beside the few that it inherits',
    { ifNull: 'absent', default: {} },
  ),
  cwd: optional(path, 'the folder that it runs in'),
  url: optional(filled, 'in place of command: where MCP is served over HTTP'),
  type: optional(
    { kind: 'choice', values: ['http', 'sse'] },
    'for url: http is Streamable HTTP, sse the HTTP+SSE of 2024-11-05; absent: sse where the server refuses the other',
  ),
  uds: optional(
    path,
    'for url: Unix domain socket that MCP is served on, in place of the host of url; without TLS',
  ),
  headers: optional(
    { kind: 'named', of: { kind: 'secret', written: true }, also: clientHeaderKeys },
    "for url: sent with every request, such as the upstream's own token",
  ),
  tls: optional(
    { kind: 'map', keys: upstreamTlsKeys },
    "for url: TLS towards this upstream; absent: the roots of the system verify the server's certificate",
  ),
  proxy: optional(
    proxy,
    'for url: the proxy that it is reached through, or none; absent: as gateway.proxy or the variables say',
  ),
  oauth: optional(
    { kind: 'map', keys: oauthKeys },
    'for url: how the gateway gets access tokens for this upstream',
  ),
  prefix: key(
    { kind: 'choice', values: ['auto', 'always', 'never'] },
    'whether its names are offered as NAME__name; auto: where there are several upstreams',
    { default: 'auto' },
  ),
  include: key(
    texts,
    'names of tools and prompts and URIs of resources that are offered, * stands for any text; absent: all',
    listOrNone,
  ),
  exclude: key(texts, 'those that are not offered, whatever include says', listOrNone),
  share: optional(
    { kind: 'choice', values: ['all', 'user', 'session'] },
    'who has a child process, or a session over HTTP, with others: all clients, those of one user, or nobody beside one session of a client, which alone can be asked things (sampling, elicitation, roots). Absent, for command: user (all users are one with auth none), and session over stdio; for url: session for clients that can be asked, and user for the others',
  ),
  timeout: key(
    seconds,
    'seconds that it has for one request; its progress and its log messages begin them anew',
    { default: 60 },
  ),
  tool_timeouts: optional(
    { kind: 'named', of: seconds },
    'the same for calls of single tools, by the names that the upstream has for them',
  ),
  max_total_timeout: optional(
    { kind: 'seconds', max: 86_400 },
    'seconds that it has for one request in all, whatever it tells of its progress; absent: 600, or its timeout where that is longer',
  ),
} as const satisfies Keys;

export const metricsKeys = {
  tool_names: key(
    boolean,
    'whether calls are counted by the names of tools: each is a series of its own for each outcome',
    { default: true },
  ),
} as const satisfies Keys;

export const adminKeys = {
  user: required(filled, 'the name of the user, as authentication has it'),
  tenant: optional(filled, 'whose user that is; absent: a user without a tenant'),
} as const satisfies Keys;

export const consoleKeys = {
  port: key({ kind: 'integer', min: 0, max: 65535 }, 'port that the page is on; 0 takes any that is free', {
    default: 4450,
  }),
  host: key(
    host,
    'address that the page is on; one that others than this machine reach requires gateway.tls, and admins',
    { default: '127.0.0.1' },
  ),
  admins: optional(
    { kind: 'maps', keys: adminKeys, short: 'user' },
    'who may look by the authentication of the gateway (bearer, jwt, mtls), beside whoever has a link; absent: nobody',
  ),
  tls: optional(
    boolean,
    'whether it serves with gateway.tls; absent: where host is not this machine, and where admins have certificates',
  ),
  allowed_hosts: key(
    texts,
    'host names that it is called by beside its address, such as those of a proxy',
    listOrNone,
  ),
} as const satisfies Keys;

export const gatewayKeys = {
  host: key(host, 'address that the gateway listens on', { default: '127.0.0.1' }),
  port: key(port, 'port that it listens on; with TLS, health is served on port + 1000', { default: 4444 }),
  tls: key({ kind: 'map', keys: serverTlsKeys }, 'TLS that it serves with', { ifNull: 'empty' }),
  auth: key(
    { kind: 'map', keys: authKeys, short: 'kind' },
    'who may call; none is refused where others than this machine can call',
    { default: 'none' },
  ),
  oauth: optional(
    { kind: 'map', keys: consentKeys },
    'where users consent to what upstreams are asked in their name (grant authorization_code)',
  ),
  allow_unauthenticated: key(boolean, 'with auth none: that anyone who reaches the address may call', {
    default: false,
  }),
  allowed_hosts: key(
    texts,
    'host names that it is called by beside its address, such as those of a proxy; where given, any other name is refused with 421',
    listOrNone,
  ),
  base_path: key(text, 'path below which it is, such as /gw: MCP at /gw/mcp; absent: none', { default: '' }),
  trusted_proxies: key(
    texts,
    'addresses and networks of proxies before it (10.0.0.0/8): what they say in Forwarded or X-Forwarded-* counts for the address of clients and for URLs',
    listOrNone,
  ),
  proxy_protocol: key(
    boolean,
    'whether trusted_proxies begin each connection with a header of the PROXY protocol, version 1 or 2',
    { default: false },
  ),
  allowed_origins: key(texts, 'origins of web pages that may call, such as https://app.example', listOrNone),
  failures: key(
    { kind: 'choice', values: ['brief', 'full'] },
    'what a client is told of a plugin or an upstream that fails: its name, a code and the id of the request, or in full, with texts in which URLs, paths and secrets may stand; the log has them in any case',
    { default: 'brief' },
  ),
  proxy: optional(
    proxy,
    'the proxy that upstreams and issuers are reached through, but for those of NO_PROXY and this machine; absent: HTTPS_PROXY and HTTP_PROXY',
  ),
  sse: key(
    boolean,
    'whether clients over HTTP+SSE, the transport of 2024-11-05, are served beside /mcp: GET /sse, POST /messages',
    { default: false },
  ),
  limits: optional(
    { kind: 'map', keys: limitKeys },
    'what it takes at most, each process by itself where there are several; what is over is answered with 429 or 503',
  ),
  metrics: optional({ kind: 'map', keys: metricsKeys }, 'what `/metrics` shows'),
  console: optional(
    { kind: 'map', keys: consoleKeys, short: 'port' },
    'a page that shows what passes, on a port of its own; absent: none, unless --console asks for it',
  ),
  audit: optional(
    { kind: 'map', keys: auditKeys },
    'a record of every decision in a file of its own; absent: none is kept',
  ),
  approvals: optional(
    { kind: 'map', keys: approvalKeys },
    'who is asked where a rule or a plugin wants a person to decide (ask); absent: nobody, such a call is refused',
  ),
  tools_lock: key(
    { kind: 'map', keys: toolsLockKeys, short: 'file' },
    'the lock on tools: what upstreams offer is there for clients only as it was read and locked; absent: none',
  ),
  tool_names: optional(
    { kind: 'map', keys: toolNameKeys },
    'names that are others are offered under an alias, the beginning and a hash of them; both can be called',
  ),
  servers: optional(
    { kind: 'named', of: { kind: 'map', keys: virtualServerKeys } },
    'virtual servers: parts of what the upstreams offer, each at /servers/NAME/mcp; by name: letters, digits, dots, hyphens, underscores',
  ),
  rules: optional(
    { kind: 'maps', keys: ruleKeys },
    'who may see and use what: each entry is a deny, an ask or an allow; deny wins over ask, and ask over allow',
  ),
  rules_default: optional(
    { kind: 'choice', values: ['allow', 'deny'] },
    'what is decided where no rule holds; absent: deny where there is an allow among them, else allow',
  ),
  rules_denied: key(
    { kind: 'choice', values: ['hidden', 'open'] },
    'what a client is told of what it may not even see: hidden, that there is no such thing; open, that it may not use it, and the reason',
    { default: 'hidden' },
  ),
  rule_tests: optional(
    { kind: 'maps', keys: ruleTestKeys },
    'requests with what is to be decided of them: sallyport rules test and sallyport doctor try them',
  ),
  upstreams: optional(
    { kind: 'named', of: { kind: 'map', keys: upstreamKeys } },
    'the MCP servers behind it, by name: letters, digits, dots, hyphens, underscores, and no __',
  ),
} as const satisfies Keys;

export const fileKeys = {
  plugins: key({ kind: 'maps', keys: pluginKeys }, 'the plugins; may be left out beside a gateway block'),
  plugin_dirs: key(texts, 'without effect here', unused),
  plugin_settings: optional({ kind: 'map', keys: settingsKeys }, 'how plugins are run'),
  server_settings: optional({ kind: 'map', keys: serverKeys }, 'where the plugin server serves'),
  gateway: key(
    { kind: 'map', keys: gatewayKeys },
    'the MCP gateway: where it serves, to whom, and what is behind it',
    { ifNull: 'empty' },
  ),
} as const satisfies Keys;

/** Every YAML key that is known, in the order of the file. */
export const keyTable = keyRows(fileKeys);
