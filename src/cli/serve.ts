import { Command } from 'commander';
import { ConfigPathMissing, WorkersNeedPort } from '../errors.js';
import { type Logger, silentLogger } from '../log.js';
import type { PluginServer } from '../server/index.js';
import { packageVersion } from '../version.js';
import { isSpokesman, isWorker, reportServing, sharedMetrics } from '../workers/index.js';
import { endProcess } from './end.js';
import type { CommandIo } from './io.js';
import { stopWithNpm } from './npm-parent.js';
import {
  keepAliveDespitePlugins,
  loadAndWarn,
  logFormatOption,
  loggerOf,
  portNumber,
  serveFromWorkers,
  stopOnSignal,
  tracesOf,
  workerCount,
} from './runtime.js';

interface ServeOptions {
  readonly config?: string;
  readonly port?: number;
  readonly workers?: number;
  readonly verbose?: boolean;
  readonly logFormat?: string;
}

/** `sallyport serve`: the plugin server, until SIGTERM or SIGINT. */
export function serveCommand(io: CommandIo): Command {
  return new Command('serve')
    .description('run the plugin server')
    .option('--config <file>', 'the plugin file (default: PLUGINS_CONFIG_PATH)')
    .option(
      '--port <n>',
      'listen here, whatever the file says; 0 takes any free port, for health too',
      portNumber,
    )
    .option('--workers <n>', 'serve from so many processes; auto takes one for each core', workerCount)
    .option('--verbose', 'log at level DEBUG: every TLS handshake, every hook call')
    .addOption(logFormatOption())
    .addHelpText('after', '\nExample:\n  PLUGINS_CONFIG_PATH=plugins/test.mtls.yaml sallyport serve')
    .action(async (options: ServeOptions) => serve(io, options));
}

async function serve(io: CommandIo, options: ServeOptions): Promise<void> {
  const path = options.config ?? io.env['PLUGINS_CONFIG_PATH'];
  if (!path) throw ConfigPathMissing({});
  stopWithNpm();
  const log = loggerOf(io, options);
  // What deserves to be seen was logged by the primary.
  const config = await loadAndWarn(io, path, 'server', isWorker() ? silentLogger : log);
  if ((options.workers ?? 1) > 1 && !isWorker()) {
    if (config.server.transport === 'stdio' || config.server.uds !== undefined) throw WorkersNeedPort({});
    // Each plugin call in flight has its own limit; stopping waits for it, and a little longer for the replies.
    const graceMs = config.settings.pluginTimeoutMs + 5_000;
    await serveFromWorkers(options.workers ?? 1, graceMs, log);
  }
  keepAliveDespitePlugins(log);
  const { createPluginServer, servePluginsOverStdio } = await import('../server/index.js');
  const { openProcessRegistry } = await import('../telemetry/index.js');
  const version = packageVersion();
  const traces = await tracesOf(io, 'server', log);
  const observer = traces?.observer;
  const { signal, stopped, stop } = stopOnSignal(log);
  if (config.server.transport === 'stdio') {
    await servePluginsOverStdio(config, { log, version, signal, observer });
    await traces?.shutdown();
    endProcess(0);
  }
  const registry = await openProcessRegistry();
  const server = await createPluginServer(config, {
    log,
    version,
    registry,
    shared: sharedMetrics,
    ...(observer && { observer }),
  });
  process.on('SIGHUP', () => void reload(server, log));
  const address = await server.listen(options.port === undefined ? {} : { port: options.port });
  // Each worker says alike where it listens.
  log[isSpokesman() ? 'info' : 'debug'](
    { ...address, plugins: config.plugins.map((plugin) => plugin.name) },
    `listening on ${address.url}`,
  );
  reportServing(stop);
  await stopped;
  await server.drain();
  await traces?.shutdown();
  log.info({}, 'stopped');
  // Timers of plugins may still keep the process alive: everything asked of it is done.
  endProcess(0);
}

/** SIGHUP: what came of it, in one line. */
async function reload(server: PluginServer, log: Logger): Promise<void> {
  const outcome = await server.reload();
  if (outcome?.kind === 'changed')
    log.info({ version: outcome.set.version }, 'SIGHUP: the certificates were reloaded');
  else if (outcome?.kind === 'refused') {
    const { code, message, remedy } = outcome.error;
    log.error({ code, remedy }, `SIGHUP: the certificates in use are kept: ${message}`);
  } else
    log.info(
      {},
      outcome ? 'SIGHUP: the certificate files have not changed' : 'SIGHUP: nothing to reload without TLS',
    );
}
