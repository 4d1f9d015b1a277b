import type { PluginsConfig } from '../config/index.js';
import type { Logger } from '../log.js';
import { serveStdio } from '../mcp/endpoint-stdio.js';
import { anyone } from '../mcp/router.js';
import { createHookLog, joinObservers, type Observer } from '../telemetry/index.js';
import { openOwnPlugins, serving } from './tools.js';

/**
 * Serves the plugins of `config` over standard input and output. Resolves when the client has closed its end, or when
 * `signal` is aborted and the calls in flight have their responses.
 */
export async function servePluginsOverStdio(
  config: PluginsConfig,
  deps: { log: Logger; version: string; signal: AbortSignal; observer?: Observer | undefined },
): Promise<void> {
  const { log, version, signal } = deps;
  const observer = joinObservers(createHookLog(log), deps.observer);
  const plugins = await openOwnPlugins(config, log);
  log.info({ plugins: plugins.plugins.map((plugin) => plugin.name) }, 'plugin server on stdio');
  await serveStdio({
    ...serving(plugins, { settings: config.settings, log, version, observer }),
    admit: () => anyone,
    stateless: true,
    input: process.stdin,
    output: process.stdout,
    signal,
    // Each call has a deadline of its own.
    drainMs: config.settings.pluginTimeoutMs,
    // A gateway that was killed leaves nothing behind, whatever a hook is at.
    closedMs: 1_000,
  });
  await plugins.close();
}
