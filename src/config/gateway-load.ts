import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { ConfigNoUpstreams } from '../errors.js';
import { decode, readBytes, unreadable } from './file.js';
import { deepFreeze } from './freeze.js';
import { gatewayDefaults } from './gateway-settings.js';
import { loadConfig, parseConfig } from './load.js';
import { expandHome } from './paths.js';
import { Problems } from './problems.js';
import { parseServers } from './servers-file.js';
import type { Env } from './template.js';
import type { GatewayConfig, PluginsConfig, UpstreamSettings } from './types.js';

/** Where the configuration of a gateway is. */
export interface GatewayConfigOptions {
  /** A plugin file with a `gateway` block. */
  readonly config?: string | undefined;
  /** The `mcpServers` JSON of a desktop client or an editor: upstreams beside those of the file. */
  readonly servers?: string | undefined;
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
  const listed = servers ? await loadServers(servers, { cwd, env, home }, file) : undefined;
  const gateway = file.gateway ?? (listed && { ...gatewayDefaults, upstreams: [] });
  const upstreams = [...(gateway?.upstreams ?? []), ...(listed?.upstreams ?? [])];
  if (gateway === undefined || upstreams.length === 0)
    throw ConfigNoUpstreams(path ? { path } : servers ? { path: servers } : {});
  const warnings = [...file.warnings, ...(listed?.warnings ?? [])];
  return deepFreeze({ ...file, gateway: { ...gateway, upstreams }, warnings });
}

async function loadServers(
  path: string,
  where: { readonly cwd: string; readonly env: Env; readonly home: string },
  file: PluginsConfig,
): Promise<{ upstreams: readonly UpstreamSettings[]; warnings: PluginsConfig['warnings'] }> {
  const problems = new Problems();
  const bytes = await readBytes(resolve(where.cwd, expandHome(path, where.home))).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  const text = decode(bytes, path, problems);
  const taken = new Map((file.gateway?.upstreams ?? []).map(({ name }) => [name, file.path]));
  const upstreams = text === undefined ? [] : parseServers(text, { ...where, path }, taken, problems);
  problems.throwIfAny(path);
  return { upstreams, warnings: problems.warnings };
}
