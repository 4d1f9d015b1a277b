import { availableParallelism } from 'node:os';
import { InvalidArgumentError, Option } from 'commander';
import { type GatewayConfig, loadConfig, type PluginsConfig } from '../config/index.js';
import { messageWithCauses, StrayPluginError, TracesUnused, UsageError } from '../errors.js';
import {
  createLogger,
  fieldText,
  type LogFormat,
  type Logger,
  logFormats,
  logLevels,
  oneLine,
  type TextLine,
} from '../log.js';
import { type TracedProgram, type Traces, unusedTraceVariables } from '../telemetry/index.js';
import { paint, type Screen, wrapped, wrappedRemedy } from '../terminal.js';
import { packageVersion } from '../version.js';
import { isSpokesman, isWorker, runWorkers, type WorkersListener } from '../workers/index.js';
import { endProcess, refuseExits } from './end.js';
import type { CommandIo } from './io.js';

/** What `--log-format` and `LOG_FORMAT` ask for, the option first; else text on a terminal, and JSON elsewhere. */
export function logFormatOf(io: CommandIo, { logFormat }: { readonly logFormat?: string } = {}): LogFormat {
  const named = logFormat ?? io.env['LOG_FORMAT']?.trim();
  const format = named?.toLowerCase() || (io.interactive ? 'pretty' : 'json');
  // As it was called when there were two.
  const meant = format === 'text' ? 'pretty' : logFormats.find((one) => one === format);
  if (meant !== undefined) return meant;
  const formats = logFormats.join(', ');
  const what = logFormat === undefined ? 'LOG_FORMAT' : '--log-format';
  throw UsageError({ message: `${what} is '${named}'`, usage: `give ${what} one of ${formats}` });
}

/** `--log-format`, of commands that log. */
export function logFormatOption(): Option {
  return new Option(
    '--log-format <format>',
    'what lines of the log look like, in place of LOG_FORMAT',
  ).choices([...logFormats]);
}

/** The logger that `LOG_LEVEL`, `LOG_FORMAT` and these options ask for. */
export function loggerOf(
  io: CommandIo,
  options: { verbose?: boolean; quiet?: boolean; logFormat?: string } = {},
): Logger {
  const level = io.env['LOG_LEVEL']?.trim() || (options.quiet ? 'WARN' : 'INFO');
  const named = level.toUpperCase();
  if (!Object.hasOwn(logLevels, named)) {
    throw UsageError({
      message: `LOG_LEVEL is '${level}'`,
      usage: `set LOG_LEVEL to one of ${Object.keys(logLevels).join(', ')}`,
    });
  }
  const least = options.verbose ? 'debug' : logLevels[named as keyof typeof logLevels];
  // Whoever keeps text in a file has a line for each entry.
  const layout = io.interactive ? (line: TextLine) => terminalLine(io.stderr, line) : undefined;
  const { inWords } = io;
  const format = logFormatOf(io, options);
  return createLogger({ level: least, format, inWords, ...(layout && { layout }) });
}

const levelStyles = { ERROR: 'red', FATAL: 'red', WARN: 'yellow' } as const;

/** An entry of the log as a reader of a terminal has it: its fields stand back, and what to do has a line of its own. */
function terminalLine(screen: Screen, { clock, level, message, fields }: TextLine): string {
  const indent = clock.length + 7;
  const start = `\n${' '.repeat(indent)}`;
  const said = wrapped(message, screen.width, indent);
  const others = fields
    .filter(([key]) => key !== 'remedy')
    .map(fieldText)
    .join('  ');
  const lastLine = said.length - (said.lastIndexOf('\n') + 1) + (said.includes('\n') ? 0 : indent);
  const gap = lastLine + 2 + others.length <= screen.width ? '  ' : start;
  const remedy = fields.find(([key]) => key === 'remedy')?.[1];
  return [
    `${clock} ${paint(screen, levelStyles[level as keyof typeof levelStyles] ?? 'dim', level.padEnd(5))} ${said}`,
    others && `${gap}${paint(screen, 'dim', wrapped(others, screen.width, indent))}`,
    remedy &&
      `${start}${paint(screen, 'cyan', '→')} ${wrappedRemedy(oneLine(String(remedy)), screen, indent + 2)}`,
  ]
    .filter(Boolean)
    .join('');
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

/** Logs what a configuration is allowed to say but should not go unseen, and what of it cannot be used. */
export function logWarnings(
  config: Pick<PluginsConfig & Partial<GatewayConfig>, 'warnings' | 'leftOut'>,
  log: Logger,
): void {
  const { warnings, leftOut = [] } = config;
  for (const { code, remedy, message } of leftOut) log.error({ code, remedy }, message);
  for (const { code, remedy, message } of warnings) log.warn({ code, remedy }, message);
}

/** Traces of a program, where `OTEL_*` variables ask for them. */
export async function tracesOf(
  io: CommandIo,
  program: TracedProgram,
  log: Logger,
): Promise<Traces | undefined> {
  if (!Object.keys(io.env).some((name) => name.startsWith('OTEL_'))) return undefined;
  const { openTraces } = await import('../listener/index.js');
  const traces = await openTraces({ program, version: packageVersion(), env: io.env, log });
  const variables = traces === undefined && isSpokesman() ? unusedTraceVariables(io.env) : [];
  if (variables.length > 0) {
    const { code, remedy, message } = TracesUnused({ variables });
    log.warn({ code, remedy }, message);
  }
  return traces;
}

/** The value of `--port`. */
export function portNumber(value: string): number {
  const port = Number(value);
  if (/^\d+$/.test(value) && port <= 65_535) return port;
  throw new InvalidArgumentError('it must be a number from 0 to 65535.');
}

/** How many processes `--workers` asks for. */
export function workerCount(value: string): number {
  if (value === 'auto') return availableParallelism();
  if (/^\d{1,3}$/.test(value) && Number(value) >= 1) return Number(value);
  throw new InvalidArgumentError('it must be a number from 1 to 999, or auto.');
}

/**
 * Calls `stop` at SIGTERM and SIGINT. The second signal does not wait any more. A worker hears of Ctrl-C too, but stops
 * when its primary says so.
 */
export function onStopSignal(stop: (signal: string) => void): void {
  if (isWorker()) {
    process.on('SIGINT', () => {});
    process.on('SIGTERM', () => stop('SIGTERM'));
    return;
  }
  let asked = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (asked) endProcess(1);
      asked = true;
      stop(signal);
    });
  }
}

/** What ends a program that serves: a signal, and its workers' primary through `stop`. */
export function stopOnSignal(log: Logger): { signal: AbortSignal; stopped: Promise<void>; stop: () => void } {
  const controller = new AbortController();
  const { signal } = controller;
  const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
  onStopSignal((name) => {
    log.info({ signal: name }, 'stopping: calls in flight are finished first');
    controller.abort();
  });
  return { signal, stopped, stop: () => controller.abort() };
}

/** Serves from several processes, this one being their primary, and ends with them. */
export async function serveFromWorkers(
  count: number,
  graceMs: number,
  log: Logger,
  listener?: WorkersListener,
): Promise<never> {
  const [, script = '', ...args] = process.argv;
  endProcess(await runWorkers({ count, script, args, graceMs, listener, log }));
}

/** Neither a promise or a timer that a plugin left behind nor an exit that it asks for may end the calls of others. */
export function keepAliveDespitePlugins(log: Logger): void {
  refuseExits();
  const report = (thrown: unknown) => {
    const error = StrayPluginError({ detail: messageWithCauses(thrown) });
    const stack = thrown instanceof Error ? thrown.stack : undefined;
    log.error({ code: error.code, remedy: error.remedy }, error.message);
    log.debug({ stack }, 'where it was thrown');
  };
  process.on('unhandledRejection', report);
  process.on('uncaughtException', report);
}
