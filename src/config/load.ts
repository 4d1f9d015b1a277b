import { existsSync } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, resolve } from 'node:path';
import {
  ConfigInvalid,
  ConfigMissingKey,
  ConfigNoUpstreams,
  ConfigWrongType,
  FileUnreadable,
  fileReason,
  type SallyError,
} from '../errors.js';
import { readFileBytesSync } from '../read-file.js';
import { checkMap } from './check.js';
import { type ConfigNode, parseYaml } from './document.js';
import { type Env, expandHome, isMissing, readText } from './files.js';
import { type GatewaySettings, gatewayDefaults, gatewaySettings } from './gateway-settings.js';
import { fileKeys, pluginKeys, settingsKeys } from './keys.js';
import { type PluginEntry, type PluginSettings, pluginEntries, refuseDuplicates } from './plugin-settings.js';
import { Problems } from './problems.js';
import { environmentProxies, warnOfProxies } from './proxies.js';
import { type ConfigSide, given, type Reading } from './reading.js';
import { placeWithin } from './rule-places.js';
import { settingsOf } from './schema.js';
import { type ServerSettings, serverSettings } from './server-settings.js';
import { type Servers, ServersFile } from './servers-file.js';
import type { Input } from './servers-variables.js';
import { render } from './template.js';
import { withLock } from './tools-lock-settings.js';
import { clientTlsVariables, readVariables, warnOfMisspelt } from './variables.js';

/** A plugin file and the variables that override it, as one immutable value. */
export interface PluginsConfig {
  /** Absolute path of the file. */
  readonly path: string;
  /** The folder that relative plugin modules are looked up from, after the working directory. */
  readonly folder: string;
  /** The working directory that relative paths were taken from. */
  readonly cwd: string;
  readonly plugins: readonly PluginEntry[];
  readonly settings: PluginSettings;
  readonly server: ServerSettings;
  /** Absent where the file has no `gateway` block, and where it is read for a plugin server. */
  readonly gateway?: GatewaySettings;
  /** What is allowed but deserves to be seen: logged by whoever loads the file. */
  readonly warnings: readonly SallyError[];
}

/** The configuration of a gateway: its block is there, with one upstream at least. */
export type GatewayConfig = PluginsConfig & {
  readonly gateway: GatewaySettings;
  /** Servers of a list that cannot be used, and why: the others are. Logged by whoever loads the list. */
  readonly leftOut: readonly SallyError[];
};

/** Where a configuration is, and what it is read with. */
export interface ConfigOptions {
  /** The file, from the working directory. Problems name it as it is given here. */
  readonly path: string;
  readonly cwd: string;
  readonly env: Env;
  /** What `~` stands for. Default: `HOME` of `env`. */
  readonly home?: string;
  /** Whose variables apply: `PLUGINS_SERVER_*` or `PLUGINS_CLIENT_MTLS_*`. */
  readonly side: ConfigSide;
}

/**
 * Reads a configuration file and lays the variables of one side over it. Files that it names
 * (certificates, keys, modules) are not opened. The value is frozen; `server` is what the file alone says
 * where `side` is `gateway`, and the `mcp.tls` of its plugins where `side` is `server`.
 *
 * Throws `SALLY_CONFIG_INVALID` with everything that is wrong, each with its place, and
 * `SALLY_FILE_UNREADABLE` where there is no file to read.
 *
 * @example
 * ```ts
 * import { loadConfig } from 'sallyport';
 *
 * const config = await loadConfig({
 *   path: 'plugins/test.yaml',
 *   cwd: process.cwd(),
 *   env: process.env,
 *   side: 'server',
 * });
 * console.log(config.server.port, config.plugins.map((plugin) => plugin.name));
 * ```
 */
export async function loadConfig(options: ConfigOptions): Promise<PluginsConfig> {
  const home = options.home ?? options.env['HOME'] ?? homedir();
  const path = resolve(options.cwd, expandHome(options.path, home));
  const problems = new Problems();
  const text = await readText(path, options.path, problems);
  problems.throwIfAny(options.path);
  const config = parseConfig(text ?? '', { ...options, home, exists: existsSync });
  await checkExpressions(config, text ?? '', options.path);
  return config;
}

/** Compiles the rules; CEL is loaded where there are some. */
async function checkExpressions({ gateway }: PluginsConfig, text: string, path: string): Promise<void> {
  const { servers = [] } = gateway ?? {};
  const rules = [gateway?.rules, ...servers.map((one) => one.rules)].flatMap((one) => one?.rules ?? []);
  if (rules.length === 0) return;
  const { checkRules } = await import('../policy/rules/index.js');
  const found = checkRules(rules, ({ at, expression }, offset) => placeWithin(text, at, expression, offset));
  if (found.length > 0) throw ConfigInvalid({ path, problems: found });
}

/**
 * The part of `loadConfig` that is a function of values: `exists` alone looks at files, to resolve
 * relative paths. Throws `SALLY_CONFIG_INVALID` with everything that is wrong.
 *
 * @example
 * ```ts
 * import { parseConfig } from 'sallyport';
 *
 * const config = parseConfig('plugins: []', {
 *   path: 'plugins.yaml',
 *   cwd: '/srv',
 *   env: { PLUGINS_SERVER_PORT: '8001' },
 *   side: 'server',
 *   exists: () => false,
 * });
 * console.log(config.server.port); // 8001
 * ```
 */
export function parseConfig(
  text: string,
  options: ConfigOptions & { readonly exists: (path: string) => boolean },
): PluginsConfig {
  const { cwd, env, side, exists } = options;
  const home = options.home ?? env['HOME'];
  const path = resolve(cwd, expandHome(options.path, home));
  const folder = dirname(path);
  const problems = new Problems();
  const reading: Reading = { side, env, problems, paths: { cwd, folder, home, exists } };

  const document = parseYaml(text, options.path, problems);
  const rendered = document && render(document, env, '', problems);
  const file = rendered && checkMap(fileKeys, rendered, '', problems);
  const fields = file?.value ?? {};
  if (rendered && file?.value && fields.plugins === undefined && fields.gateway === undefined)
    problems.add(ConfigMissingKey({ at: rendered.place, key: 'plugins', within: 'the file' }));
  warnOfMisspelt(side, env, problems);
  const server = serverSettings(fields.server_settings?.value ?? {}, reading);
  const variables = readVariables(clientTlsVariables, side === 'gateway' ? env : {}, problems);
  const plugins = pluginEntries(fields.plugins?.value ?? [], variables, reading);
  const block = side === 'gateway' ? fields.gateway : undefined;
  const gateway = block && gatewaySettings(block, reading);
  problems.throwIfAny(options.path);

  const settings = settingsOf(settingsKeys, fields.plugin_settings?.value ?? {}, reading.paths);
  return deepFreeze({
    path,
    folder,
    cwd,
    plugins,
    settings,
    server,
    ...given('gateway', gateway && withLock(gateway, { config: options.path }, reading.paths)),
    warnings: problems.warnings,
  });
}

/** `value`, with every plain object and array in it frozen. URLs and errors stay as they are. */
function deepFreeze<T>(value: T): T {
  if (Array.isArray(value)) value.forEach(deepFreeze);
  else if (isPlain(value)) Object.values(value).forEach(deepFreeze);
  else return value;
  return Object.freeze(value);
}

function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** A value that an editor would ask its user for. */
export type ServerInput = Input;

/** Where the configuration of a gateway is. */
export interface GatewayConfigOptions {
  /** A plugin file with a `gateway` block. */
  readonly config?: string | undefined;
  /** The `mcpServers` JSON of a desktop client or an editor: upstreams beside those of the file. */
  readonly servers?: string | undefined;
  /** A lock on tools, in place of that of the file. */
  readonly toolsLock?: string | undefined;
  /** Asks for what a list of servers has as `${input:…}`; undefined where nobody says it. Absent: nobody is asked. */
  readonly ask?: ((input: ServerInput) => Promise<string | undefined>) | undefined;
  readonly cwd: string;
  readonly env: Env;
  readonly home?: string | undefined;
}

/**
 * Reads what a gateway runs with: a plugin file, a list of servers, or both.
 *
 * Throws `SALLY_CONFIG_INVALID` with everything that is wrong with one of them, `SALLY_FILE_UNREADABLE`, and
 * `SALLY_CONFIG_NO_UPSTREAMS` where nothing says what is behind the gateway.
 *
 * @example
 * ```ts
 * import { loadGatewayConfig } from 'sallyport';
 *
 * const { gateway } = await loadGatewayConfig({ servers: '.mcp.json', cwd: process.cwd(), env: process.env });
 * console.log(gateway.upstreams.map((upstream) => upstream.name));
 * ```
 */
export async function loadGatewayConfig(options: GatewayConfigOptions): Promise<GatewayConfig> {
  const { config: path, servers, cwd, env } = options;
  const home = options.home ?? env['HOME'] ?? homedir();
  const file = path
    ? await loadConfig({ path, cwd, env, home, side: 'gateway' })
    : parseConfig('plugins: []', { path: 'no file', cwd, env, home, side: 'gateway', exists: () => false });
  const listed = servers ? await loadServers(servers, { ...options, home }, file) : undefined;
  const gateway =
    file.gateway ?? (listed && { ...gatewayDefaults, proxies: environmentProxies(env), upstreams: [] });
  const upstreams = [...(gateway?.upstreams ?? []), ...(listed?.upstreams ?? [])];
  if (upstreams.length === 0) listed?.problems.throwIfAny(servers ?? '');
  if (gateway === undefined || upstreams.length === 0)
    throw ConfigNoUpstreams(path ? { path } : servers ? { path: servers } : {});
  const warnings = [...file.warnings, ...(listed?.warnings ?? [])];
  if (listed && !file.gateway) {
    warnOfProxies(gateway.proxies, env, listed.problems);
    warnings.push(...listed.problems.warnings);
  }
  const leftOut = listed?.leftOut ?? [];
  const whole = withLock({ ...gateway, upstreams }, options, { cwd, folder: cwd, home, exists: existsSync });
  return deepFreeze({ ...file, gateway: whole, warnings, leftOut });
}

async function loadServers(
  path: string,
  { cwd, env, home, ask }: GatewayConfigOptions & { readonly home: string },
  file: PluginsConfig,
): Promise<Servers> {
  const problems = new Problems();
  const text = await readText(resolve(cwd, expandHome(path, home)), path, problems);
  problems.throwIfAny(path);
  const proxies = file.gateway?.proxies ?? environmentProxies(env);
  const options = { path, cwd, env, home, proxies, read: readBeside };
  const listed = new ServersFile(text ?? '', options, problems);
  problems.throwIfAny(path);
  const answers = new Map<string, string>();
  for (const input of ask ? listed.inputs : []) {
    const answer = await ask?.(input);
    if (answer !== undefined) answers.set(input.id, answer);
  }
  const taken = new Map((file.gateway?.upstreams ?? []).map(({ name }) => [name, file.path]));
  return listed.upstreams(taken, answers);
}

function readBeside(path: string): string | undefined {
  try {
    return readFileBytesSync(path).toString();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw FileUnreadable({ path, what: 'the file', reason: fileReason(error) }, error);
  }
}

/**
 * The names of the external plugins of a configuration, for which certificates are made: nothing else in
 * the file has to be right yet. Undefined where there is no file.
 *
 * Throws `SALLY_FILE_UNREADABLE` where a file is there but cannot be read, and `SALLY_CONFIG_INVALID`
 * where it is not YAML, has no list of plugins, or the names in it are missing or not unique.
 *
 * @example
 * ```ts
 * import { externalPluginNames } from 'sallyport';
 *
 * const where = { path: 'plugins/external/config.yaml', cwd: process.cwd(), env: process.env };
 * console.log((await externalPluginNames(where)) ?? 'no such file');
 * ```
 */
export async function externalPluginNames(options: {
  readonly path: string;
  readonly cwd: string;
  readonly env: Env;
}): Promise<readonly string[] | undefined> {
  const path = resolve(options.cwd, expandHome(options.path, options.env['HOME']));
  // A link that leads nowhere is there: it was meant to lead to a configuration.
  const there = await lstat(path).catch((error: unknown) => !isMissing(error));
  if (!there) return undefined;
  const problems = new Problems();
  const text = await readText(path, options.path, problems);
  const document = text === undefined ? undefined : parseYaml(text, options.path, problems);
  const names = document && externalNames(document, options.env, problems);
  problems.throwIfAny(options.path);
  return names ?? [];
}

function externalNames(document: ConfigNode, env: Env, problems: Problems): string[] {
  const { name, kind } = pluginKeys;
  const entries = pluginList(document, problems).map((item, i) => {
    const path = `plugins[${i}]`;
    const identity =
      item.kind === 'map'
        ? { ...item, entries: item.entries.filter(({ key }) => key === 'name' || key === 'kind') }
        : item;
    const keys = { name, kind: { ...kind, required: false } };
    return checkMap(keys, render(identity, env, path, problems), path, problems).value;
  });
  refuseDuplicates(
    entries.map((entry) => entry?.name),
    problems,
  );
  return entries.flatMap((entry) =>
    entry?.kind?.value === 'external' && entry.name?.value ? [entry.name.value] : [],
  );
}

function pluginList(document: ConfigNode, problems: Problems): readonly ConfigNode[] {
  const at = document.place;
  if (document.kind === 'broken') return [];
  if (document.kind !== 'map') {
    problems.add(ConfigWrongType({ at, key: 'the file', expected: 'a map', seen: 'something else' }));
    return [];
  }
  const found = document.entries.find(({ key }) => key === 'plugins');
  if (found?.value.kind === 'list') return found.value.items;
  if (found === undefined) problems.add(ConfigMissingKey({ at, key: 'plugins', within: 'the file' }));
  else if (found.value.kind !== 'broken') {
    const { value, place } = found;
    const seen = value.kind === 'map' ? 'a map' : value.text === '' ? 'nothing' : 'a single value';
    problems.add(ConfigWrongType({ at: place, key: 'plugins', expected: 'a list of maps', seen }));
  }
  return [];
}
