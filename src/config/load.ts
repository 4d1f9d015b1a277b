import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, resolve } from 'node:path';
import { ConfigMissingKey } from '../errors.js';
import { checkMap } from './check.js';
import { parseYaml } from './document.js';
import { decode, readBytes, unreadable } from './file.js';
import { fileKeys } from './file-keys.js';
import { deepFreeze } from './freeze.js';
import { gatewaySettings } from './gateway-settings.js';
import type { settingsKeys } from './keys.js';
import { expandHome } from './paths.js';
import { pluginEntries } from './plugin-entry.js';
import { Problems } from './problems.js';
import { type ConfigSide, given, type Reading } from './reading.js';
import type { Fields } from './schema.js';
import { serverSettings } from './server-settings.js';
import { type Env, render } from './template.js';
import type { PluginSettings, PluginsConfig } from './types.js';
import { clientTlsVariables, readVariables, warnOfMisspelt } from './variables.js';

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
  const bytes = await readBytes(path).catch((error: unknown) => {
    throw unreadable(options.path, error);
  });
  const text = decode(bytes, options.path, problems);
  problems.throwIfAny(options.path);
  return parseConfig(text ?? '', { ...options, home, exists: existsSync });
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

  const settings = pluginSettings(fields.plugin_settings?.value ?? {});
  return deepFreeze({
    path,
    folder,
    cwd,
    plugins,
    settings,
    server,
    ...given('gateway', gateway),
    warnings: problems.warnings,
  });
}

function pluginSettings(fields: Fields<typeof settingsKeys>): PluginSettings {
  return {
    pluginTimeoutMs: milliseconds(fields.plugin_timeout?.value ?? 30),
    failOnPluginError: fields.fail_on_plugin_error?.value ?? false,
    parallelExecutionWithinBand: fields.parallel_execution_within_band?.value ?? false,
    pluginHealthCheckIntervalMs: milliseconds(fields.plugin_health_check_interval?.value ?? 60),
    awayAfterTimeouts: fields.plugin_away_after?.value ?? 3,
    probeIntervalMs: milliseconds(fields.plugin_probe_interval?.value ?? 10),
  };
}

/** Whole milliseconds: timers take nothing finer, and none of them is to be 0. */
function milliseconds(seconds: number): number {
  return Math.max(1, Math.round(seconds * 1000));
}
