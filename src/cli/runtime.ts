import { loadConfig, type PluginsConfig } from '../config/index.js';
import { UsageError } from '../errors.js';
import { createLogger, type Logger, logLevels } from '../log.js';
import type { CommandIo } from './io.js';

/** The logger that `LOG_LEVEL`, `LOG_FORMAT` and `--verbose` ask for: text on a terminal, else a JSON object a line. */
export function loggerOf(io: CommandIo, options: { verbose?: boolean; quiet?: boolean } = {}): Logger {
  const level = io.env['LOG_LEVEL']?.trim() || (options.quiet ? 'WARN' : 'INFO');
  const named = level.toUpperCase();
  const format = io.env['LOG_FORMAT']?.trim().toLowerCase() || (io.interactive ? 'text' : 'json');
  if (!Object.hasOwn(logLevels, named)) {
    throw UsageError({
      message: `LOG_LEVEL is '${level}'`,
      usage: `set LOG_LEVEL to one of ${Object.keys(logLevels).join(', ')}`,
    });
  }
  if (format !== 'text' && format !== 'json') {
    throw UsageError({ message: `LOG_FORMAT is '${format}'`, usage: 'set LOG_FORMAT to text or json' });
  }
  const least = options.verbose ? 'debug' : logLevels[named as keyof typeof logLevels];
  return createLogger({ level: least, pretty: format === 'text' });
}

/** Loads a plugin file and logs what is allowed but deserves to be seen. */
export async function loadAndWarn(
  io: CommandIo,
  path: string,
  side: 'server' | 'gateway',
  log: Logger,
): Promise<PluginsConfig> {
  const home = io.env['HOME'];
  const config = await loadConfig({ path, cwd: io.cwd, env: io.env, side, ...(home && { home }) });
  logWarnings(config, log);
  return config;
}

/** Logs what a configuration is allowed to say but should not go unseen. */
export function logWarnings({ warnings }: Pick<PluginsConfig, 'warnings'>, log: Logger): void {
  for (const warning of warnings) log.warn({ code: warning.code, remedy: warning.remedy }, warning.message);
}
