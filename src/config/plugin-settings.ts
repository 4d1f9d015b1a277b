import { extname } from 'node:path';
import {
  ConfigBadValue,
  ConfigDuplicatePlugin,
  ConfigMisplacedKey,
  ConfigMissingKey,
  ConfigMtlsVariablesUnused,
  type ConfigPlace,
  ConfigPlainHttp,
  ConfigTlsOverHttp,
  ConfigTransport,
  ConfigWrongType,
} from '../errors.js';
import { hookMeant, hookRow } from '../hooks/table.js';
import { type conditionKeys, type mcpKeys, pluginKeys, type settingsKeys } from './keys.js';
import { hiddenText, type Problems, shown } from './problems.js';
import { type ProxySettings, proxySettings } from './proxies.js';
import { given, isLoopback, overlay, pathOf, type Reading, readUrl } from './reading.js';
import { type Field, type Fields, type SettingsOf, type ValuesOf, valuesOf } from './schema.js';
import { type ClientTlsFields, type ClientTlsSettings, pluginTls } from './tls-settings.js';
import { clientTlsVariables, variablesSet } from './variables.js';

/** When a plugin runs: every present field must match. Names as the YAML and the wire have them. */
export type Condition = ValuesOf<typeof conditionKeys>;

/**
 * One entry of `plugins`. Optional fields are those that the file left out: for an external plugin the
 * plugin server's own value then counts, for any other the contract's default.
 */
export interface PluginEntry extends ValuesOf<typeof pluginKeys> {
  /** Present exactly where `kind` is `external`. */
  readonly mcp?: McpSettings;
}

/** `plugin_settings`, with the contract's defaults. */
export type PluginSettings = SettingsOf<typeof settingsKeys>;

/** How an external plugin's server is reached. Paths are absolute. */
export type McpSettings =
  | {
      readonly transport: 'http';
      readonly url: URL;
      /** Present exactly where the URL is https. */
      readonly tls?: ClientTlsSettings;
      readonly proxy?: ProxySettings;
    }
  | {
      /** HTTP over a Unix domain socket. The host of `url` only fills the Host header. */
      readonly transport: 'uds';
      readonly socketPath: string;
      readonly url: URL;
    }
  | {
      /** A child process that speaks MCP over its standard input and output. */
      readonly transport: 'stdio';
      readonly command: string;
      readonly args: readonly string[];
      /** Set for the child over the few variables that it inherits. */
      readonly env: Readonly<Record<string, string>>;
      readonly cwd?: string;
    };

type PluginFields = Fields<typeof pluginKeys>;
type McpFields = Fields<typeof mcpKeys>;

/** The entries of `plugins`. What is wrong with one does not keep the others from being looked at. */
export function pluginEntries(
  list: readonly Field<PluginFields>[],
  variables: ClientTlsFields,
  reading: Reading,
): PluginEntry[] {
  refuseDuplicates(
    list.map((entry) => entry.value?.name),
    reading.problems,
  );
  return list.flatMap(({ value, place }, i) => {
    const entry = value && pluginEntry(value, place, `plugins[${i}]`, variables, reading);
    return entry === undefined ? [] : [entry];
  });
}

/** Two names that differ in case only are one to the peers: they match names without regard to it. */
export function refuseDuplicates(names: readonly (Field<string> | undefined)[], problems: Problems): void {
  const first = new Map<string, ConfigPlace>();
  for (const name of names) {
    if (name?.value === undefined) continue;
    const folded = name.value.toLowerCase();
    const before = first.get(folded);
    if (before === undefined) first.set(folded, name.place);
    else problems.add(ConfigDuplicatePlugin({ at: name.place, plugin: name.seen, first: before }));
  }
}

function pluginEntry(
  fields: PluginFields,
  place: ConfigPlace,
  path: string,
  variables: ClientTlsFields,
  reading: Reading,
): PluginEntry | undefined {
  const { name, kind } = fields;
  const plugin = name?.value === undefined ? path : name.seen;
  const mcp = placedMcp(fields, place, path, plugin, reading.problems);
  const connection: McpSettings | undefined =
    mcp?.value &&
    mcpSettings(mcp.value, { plugin, place: mcp.place, path: `${path}.mcp`, variables }, reading);
  if (name?.value === undefined || kind?.value === undefined) return undefined;
  checkHooks(fields.hooks, `${path}.hooks`, kind.value === 'external', reading.problems);
  return {
    ...valuesOf(pluginKeys, fields),
    name: name.value,
    kind: kind.value,
    ...given('mcp', connection),
  };
}

/**
 * A hook of a wrong name would never be asked. What an external entry lists wins over what the server reports; a plugin of
 * this process is looked at as it starts, and may have hooks of other gateways.
 */
function checkHooks(hooks: PluginFields['hooks'], path: string, external: boolean, problems: Problems): void {
  if (hooks?.value === undefined) return;
  const { place: at, value } = hooks;
  value.forEach((hook, i) => {
    if (hookRow(hook) !== undefined) return;
    const meant = hookMeant(hook);
    const context = { at, key: `${path}[${i}]`, expected: 'a hook of the contract', seen: shown(hook) };
    if (meant !== undefined) problems.add(ConfigBadValue({ ...context, nearest: meant }));
    else if (external) problems.warn(ConfigBadValue(context));
  });
}

/** `mcp`, where the kind of the entry lets it have one. */
function placedMcp(
  { kind, config, mcp }: PluginFields,
  place: ConfigPlace,
  path: string,
  plugin: string,
  problems: Problems,
): Field<Fields<typeof mcpKeys>> | undefined {
  if (kind?.value === 'external') {
    if (config !== undefined) problems.add(ConfigMisplacedKey({ at: config.place, plugin, key: 'config' }));
    if (mcp === undefined)
      problems.add(ConfigMissingKey({ at: place, key: 'mcp', within: `${path} (kind: external)` }));
  } else if (kind?.value !== undefined && mcp !== undefined) {
    problems.add(ConfigMisplacedKey({ at: mcp.place, plugin, key: 'mcp' }));
    return undefined;
  }
  return mcp;
}

interface Target {
  /** The plugin as messages name it. */
  readonly plugin: string;
  /** Where `mcp` stands. */
  readonly place: ConfigPlace;
  /** The YAML path of `mcp`. */
  readonly path: string;
  /** What the variables say, on the gateway's side. */
  readonly variables: ClientTlsFields;
}

/** `mcp` of an external entry, under the variables where this side is the gateway. */
function mcpSettings(fields: McpFields, target: Target, reading: Reading): McpSettings | undefined {
  if (fields.proto !== undefined && fields.proto.value === undefined) return undefined;
  if (fields.proto?.value === 'STDIO') return stdioSettings(fields, target, reading);
  refuseForeign(fields, ['script', 'cmd', 'env', 'cwd'], 'proto STDIO', target, reading);
  return fields.uds === undefined
    ? httpSettings(fields, target, reading)
    : udsSettings(fields, target, reading);
}

function httpSettings(
  { url: urlField, tls: block, proxy: proxyField }: McpFields,
  target: Target,
  reading: Reading,
): McpSettings | undefined {
  if (urlField === undefined) {
    reading.problems.add(ConfigMissingKey({ at: target.place, key: 'url', within: target.path }));
    return undefined;
  }
  const url = readUrl(urlField, `${target.path}.url`, reading.problems);
  if (url === undefined) return undefined;
  const proxy = given('proxy', proxyField && proxySettings(proxyField, `${target.path}.proxy`, reading));
  if (proxyField && proxy.proxy && isLoopback(url.hostname)) {
    const problem = 'it is on this machine, which no proxy is asked for';
    const instead = 'remove proxy, or correct url';
    reading.problems.add(
      ConfigTransport({ at: proxyField.place, subject: `plugin ${target.plugin}`, problem, instead }),
    );
  }
  if (url.protocol === 'http:') {
    plainHttp(url, urlField, block, target, reading);
    return { transport: 'http', url, ...proxy };
  }
  if (block !== undefined && block.value === undefined) return undefined;
  const tls = overlay<ClientTlsFields>(block?.value ?? {}, target.variables);
  const at = block?.place ?? urlField.place;
  return { transport: 'http', url, tls: pluginTls(tls, at, `plugin ${target.plugin}`, reading), ...proxy };
}

/** The peers let the URL of a socket be left out: only its path has a meaning. */
function udsSettings(
  { uds, url: urlField, tls }: McpFields,
  { plugin, path }: Target,
  { problems, paths }: Reading,
): McpSettings | undefined {
  const url =
    urlField === undefined ? new URL('http://localhost/mcp') : readUrl(urlField, `${path}.url`, problems);
  const socketPath = pathOf(uds, paths);
  const tlsPlace = tls?.place ?? (url?.protocol === 'https:' ? urlField?.place : undefined);
  if (tlsPlace !== undefined) {
    const problem = 'a Unix domain socket is reached without TLS, and both are asked for';
    const instead = 'remove uds, or remove tls and begin the URL with http:';
    problems.add(ConfigTransport({ at: tlsPlace, subject: `plugin ${plugin}`, problem, instead }));
  }
  return url && socketPath ? { transport: 'uds', socketPath, url } : undefined;
}

/** What runs a script, by the ending of its name. */
const interpreters: Readonly<Record<string, string>> = {
  '.py': 'python3',
  '.sh': 'sh',
  '.js': process.execPath,
  '.mjs': process.execPath,
  '.cjs': process.execPath,
};

function stdioSettings(fields: McpFields, target: Target, reading: Reading): McpSettings | undefined {
  const { problems, paths } = reading;
  const { cmd, script } = fields;
  refuseForeign(fields, ['url', 'uds', 'tls', 'proxy'], 'proto STREAMABLEHTTP', target, reading);
  const refuse = (at: ConfigPlace, problem: string, instead: string): undefined => {
    problems.add(ConfigTransport({ at, subject: `plugin ${target.plugin}`, problem, instead }));
  };
  const env = childEnvironment(fields.env, target, problems);
  const cwd = given('cwd', pathOf(fields.cwd, paths));
  if (cmd !== undefined && script !== undefined)
    return refuse(script.place, 'it has cmd and script', 'keep one of the two');
  if (cmd !== undefined) {
    if (cmd.value === undefined) return undefined;
    const [command, ...args] = cmd.value;
    if (!command)
      return refuse(cmd.place, 'cmd is empty', 'give the command and its arguments: [node, server.js]');
    return { transport: 'stdio', command, args, env, ...cwd };
  }
  const file = pathOf(script, paths);
  if (script === undefined)
    return refuse(target.place, 'proto STDIO needs cmd or script', 'add cmd: [node, server.js]');
  if (file === undefined) return undefined;
  const command = interpreters[extname(file)];
  if (command === undefined) {
    return refuse(
      script.place,
      `script is ${script.seen}, and its ending is not known`,
      'give a .py, .sh or .js file, or use cmd',
    );
  }
  return { transport: 'stdio', command, args: [file], env, ...cwd };
}

function childEnvironment(
  field: McpFields['env'],
  { path }: Target,
  problems: Reading['problems'],
): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(field?.value ?? {})) {
    if (['string', 'number', 'boolean'].includes(typeof value)) env[name] = String(value);
    else if (field) {
      const key = `${path}.env.${name}`;
      problems.add(ConfigWrongType({ at: field.place, key, expected: 'a text', seen: typeof value }));
    }
  }
  return env;
}

function refuseForeign(
  fields: McpFields,
  keys: readonly (keyof typeof mcpKeys)[],
  owner: string,
  { plugin }: Target,
  { problems }: Reading,
): void {
  for (const key of keys) {
    const field = fields[key];
    if (field === undefined) continue;
    const [problem, instead] = [
      `${key} is for ${owner}`,
      `write ${owner.replace(' ', ': ')}, or remove ${key}`,
    ];
    problems.add(ConfigTransport({ at: field.place, subject: `plugin ${plugin}`, problem, instead }));
  }
}

function plainHttp(
  url: URL,
  { place: at, hidden }: Field<string>,
  block: Field<ClientTlsFields> | undefined,
  { plugin }: Target,
  { side, env, problems }: Reading,
): void {
  if (block !== undefined) problems.add(ConfigTlsOverHttp({ at: block.place, plugin }));
  if (side !== 'gateway') return;
  const variables = variablesSet(clientTlsVariables, env);
  if (variables.length > 0) problems.warn(ConfigMtlsVariablesUnused({ at, plugin, variables }));
  if (!isLoopback(url.hostname))
    problems.warn(ConfigPlainHttp({ at, plugin, host: hidden ? hiddenText : url.host }));
}
