import { Command } from 'commander';
import { ConfigPathMissing } from '../errors.js';
import type { CommandIo } from './io.js';
import { keepAliveAfterStrayErrors, onStopSignal, portNumber } from './program.js';
import { loadAndWarn, loggerOf } from './runtime.js';
import { packageVersion } from './version.js';

interface ServeOptions {
  readonly config?: string;
  readonly port?: number;
  readonly verbose?: boolean;
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
    .option('--verbose', 'log at level DEBUG: every TLS handshake, every hook call')
    .addHelpText('after', '\nExample:\n  PLUGINS_CONFIG_PATH=plugins/test.mtls.yaml sallyport serve')
    .action(async (options: ServeOptions) => serve(io, options));
}

async function serve(io: CommandIo, options: ServeOptions): Promise<void> {
  const path = options.config ?? io.env['PLUGINS_CONFIG_PATH'];
  if (!path) throw ConfigPathMissing({});
  const log = loggerOf(io, options);
  const config = await loadAndWarn(io, path, 'server', log);
  keepAliveAfterStrayErrors(log);
  const { createPluginServer, servePluginsOverStdio } = await import('../server/index.js');
  const version = packageVersion();
  const stop = new AbortController();
  const stopped = new Promise<void>((resolve) => stop.signal.addEventListener('abort', () => resolve()));
  onStopSignal((signal) => {
    log.info({ signal }, 'stopping: calls in flight are finished first');
    stop.abort();
  });
  if (config.server.transport === 'stdio') {
    await servePluginsOverStdio(config, { log, version, signal: stop.signal });
    process.exit(0);
  }
  const server = await createPluginServer(config, { log, version });
  const address = await server.listen(options.port === undefined ? {} : { port: options.port });
  log.info(
    { ...address, plugins: config.plugins.map((plugin) => plugin.name) },
    `listening on ${address.url}`,
  );
  await stopped;
  await server.drain();
  log.info({}, 'stopped');
  // Timers of plugins may still keep the process alive: everything asked of it is done.
  process.exit(0);
}
