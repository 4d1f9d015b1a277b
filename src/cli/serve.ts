import { Command, InvalidArgumentError } from 'commander';
import { ConfigPathMissing, messageOf, StrayPluginError } from '../errors.js';
import type { Logger } from '../log.js';
import type { PluginServer } from '../server/index.js';
import type { CommandIo } from './io.js';
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
  process.on('SIGHUP', () => void reload(server, log));
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

function portNumber(value: string): number {
  const port = Number(value);
  if (/^\d+$/.test(value) && port <= 65_535) return port;
  throw new InvalidArgumentError('it must be a number from 0 to 65535.');
}

/** The second signal does not wait any more. */
function onStopSignal(stop: (signal: string) => void): void {
  let asked = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (asked) process.exit(1);
      asked = true;
      stop(signal);
    });
  }
}

/** A promise or a timer that a plugin left behind must not end the calls of others. */
function keepAliveAfterStrayErrors(log: Logger): void {
  const report = (thrown: unknown) => {
    const error = StrayPluginError({ detail: messageOf(thrown) });
    const stack = thrown instanceof Error ? thrown.stack : undefined;
    log.error({ code: error.code, remedy: error.remedy }, error.message);
    log.debug({ stack }, 'where it was thrown');
  };
  process.on('unhandledRejection', report);
  process.on('uncaughtException', report);
}
