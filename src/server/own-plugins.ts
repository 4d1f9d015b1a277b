import type { PluginsConfig } from '../config/index.js';
import { ExternalOnServer } from '../errors.js';
import type { Logger } from '../log.js';
import { openPluginManager, type PluginManager } from '../manager/index.js';

/**
 * Starts the plugins that a server hosts. External ones are refused: a server that passed calls on would lend its own
 * certificate to whoever may call it.
 */
export async function openOwnPlugins(config: PluginsConfig, log: Logger): Promise<PluginManager> {
  const external = config.plugins
    .filter((entry) => entry.kind === 'external' && entry.mode !== 'disabled')
    .map((entry) => entry.name);
  if (external.length > 0) throw ExternalOnServer({ plugins: external });
  return openPluginManager(config, { log });
}
