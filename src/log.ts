import { type DestinationStream, pino } from 'pino';

/** What the rooms log with: a message, and before it the fields that belong to it. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A logger that says nothing: for a caller that embeds a room and wants its silence. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** Names accepted in `LOG_LEVEL`, without regard to case: Python's and Node's. */
export const logLevels = {
  TRACE: 'trace',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  WARNING: 'warn',
  ERROR: 'error',
  CRITICAL: 'fatal',
  FATAL: 'fatal',
} as const;

export type LogLevel = (typeof logLevels)[keyof typeof logLevels];

const levelNames: Record<number, string> = {
  10: 'TRACE',
  20: 'DEBUG',
  30: 'INFO',
  40: 'WARN',
  50: 'ERROR',
  60: 'FATAL',
};

/**
 * A logger that writes to standard error: one JSON object a line, or with `pretty` one line of text.
 * Fields named like a secret never reach the output, whoever passes them.
 */
export function createLogger(options: {
  level: LogLevel;
  pretty: boolean;
  stream?: DestinationStream;
}): Logger {
  const out: DestinationStream = options.stream ?? { write: (line) => process.stderr.write(line) };
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: ['keyfile_password', 'keyfilePassword', 'password', 'key', 'payload'],
    },
    options.pretty ? { write: (line) => out.write(prettyLine(line)) } : out,
  );
}

function prettyLine(json: string): string {
  const { level, time, msg, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const shown = Object.entries(fields).map(([key, value]) => `  ${key}=${prettyValue(value)}`);
  const clock = String(time).slice(11, 23);
  return `${clock} ${(levelNames[Number(level)] ?? String(level)).padEnd(5)} ${String(msg)}${shown.join('')}\n`;
}

function prettyValue(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}
