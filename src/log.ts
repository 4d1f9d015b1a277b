import { type DestinationStream, pino } from 'pino';
import { ecsVersion, inEcs } from './log/ecs.js';

/** What the rooms log with: a message, and before it the fields that belong to it. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /** Whether a level is written at all: for those who make fields for it in every call. Absent: it is. */
  isLevelEnabled?(level: string): boolean;
  /** How many lines were dropped because whoever reads them did not keep up. Absent: none ever is. */
  readonly dropped?: number;
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

/** What a line can look like: a JSON object, a line of text, or a JSON object with the names of the Elastic Common Schema. */
export const logFormats = ['json', 'pretty', 'ecs'] as const;

export type LogFormat = (typeof logFormats)[number];

const secretNames: ReadonlySet<string> = new Set([
  'keyfile_password',
  'keyfilePassword',
  'password',
  'passphrase',
  'secret',
  'token',
  'authorization',
  'cookie',
  'key',
  'payload',
]);
/** Nothing that is logged nests deeper. */
const secretLevels = 3;

/** `fields` without what is named like a secret; the same object where there is nothing of the kind, as nearly always. */
function redacted(fields: Record<string, unknown>, levels = secretLevels): Record<string, unknown> {
  let copy: Record<string, unknown> | undefined;
  for (const key of Object.keys(fields)) {
    const value = fields[key];
    let written = value;
    if (secretNames.has(key)) written = '[Redacted]';
    else if (levels > 1 && typeof value === 'object' && value !== null)
      written = redacted(value as Record<string, unknown>, levels - 1);
    if (written === value) continue;
    copy ??= (Array.isArray(fields) ? [...fields] : { ...fields }) as Record<string, unknown>;
    copy[key] = written;
  }
  return copy ?? fields;
}

const levelNames: Record<number, string> = {
  10: 'TRACE',
  20: 'DEBUG',
  30: 'INFO',
  40: 'WARN',
  50: 'ERROR',
  60: 'FATAL',
};

const { isoTime } = pino.stdTimeFunctions;

/** Of pino: lines by the Elastic Common Schema. */
const ecs = {
  base: { 'ecs.version': ecsVersion },
  messageKey: 'message',
  timestamp: () => isoTime().replace('"time"', '"@timestamp"'),
  formatters: {
    level: (label: string) => ({ 'log.level': label }),
  },
};

/** What a line of text says. */
export interface TextLine {
  readonly clock: string;
  readonly level: string;
  readonly message: string;
  readonly fields: readonly (readonly [key: string, value: unknown])[];
}

/**
 * A logger that writes to standard error: one JSON object a line, or with `pretty` one line of text, as `layout` has it. What a reader
 * that hangs leaves waiting has a limit: `dropped` counts what came beyond it.
 * Fields named like a secret never reach the output, whoever passes them.
 */
export function createLogger(options: {
  level: LogLevel;
  /** Default: `json`. */
  format?: LogFormat;
  layout?: (line: TextLine) => string;
  /** Remedies as whoever reads the log can follow them. Default: as they are. */
  inWords?: (remedy: string) => string;
  stream?: DestinationStream & Partial<Pick<LogOutput, 'dropped' | 'onResumed'>>;
}): Logger {
  const out = options.stream ?? standardError();
  const { format = 'json', layout = oneTextLine, inWords } = options;
  const written = (fields: Record<string, unknown>) =>
    redacted(
      inWords !== undefined && typeof fields['remedy'] === 'string'
        ? { ...fields, remedy: inWords(fields['remedy']) }
        : fields,
    );
  const logger = pino(
    {
      level: options.level,
      // What pino has for this clones every line to look at thirty paths of it.
      ...(format === 'ecs'
        ? { ...ecs, formatters: { ...ecs.formatters, log: (fields) => inEcs(written(fields)) } }
        : { base: null, timestamp: isoTime, formatters: { log: written } }),
    },
    format === 'pretty' ? { write: (line) => out.write(`${layout(textLineOf(line))}\n`) } : out,
  );
  if ('onResumed' in out) {
    out.onResumed = (lines) =>
      logger.warn({ lines }, 'lines of the log were dropped here: whoever reads it did not keep up');
  }
  return Object.defineProperty(logger, 'dropped', { get: () => out.dropped ?? 0 });
}

function textLineOf(json: string): TextLine {
  const { level, time, msg, ...fields } = JSON.parse(json) as Record<string, unknown>;
  return {
    clock: String(time).slice(11, 23),
    level: levelNames[Number(level)] ?? String(level),
    message: oneLine(String(msg)),
    fields: Object.entries(fields),
  };
}

const oneTextLine = ({ clock, level, message, fields }: TextLine): string =>
  [`${clock} ${level.padEnd(5)} ${message}`, ...fields.map(fieldText)].join('  ');

/** A field as `key=value`. */
export const fieldText = ([key, value]: TextLine['fields'][number]): string => `${key}=${prettyValue(value)}`;

function prettyValue(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return oneLine(/^[^\s"=]+$/.test(text) || typeof value !== 'string' ? text : JSON.stringify(text));
}

/** Control characters as escapes: a peer's text can neither begin a line of its own nor steer the terminal. */
export function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (char) => {
    return char === '\n' ? '\\n' : `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** Where lines of a log go. */
export interface LogOutput {
  write(text: string): void;
  /** Hands over what the turn of the event loop has gathered so far. */
  flush(): void;
  /** How many lines were dropped. */
  readonly dropped: number;
  /** Called with how many were dropped when the reader goes on. */
  onResumed: (lines: number) => void;
}

/** What is used of a `Writable`; those of Node for a file or a terminal write at once, and hold nothing. */
interface Sink {
  readonly writableLength: number;
  write(text: string): boolean;
  once(event: 'drain', listener: () => void): unknown;
}

/** A reader that is merely slow never gets so far behind. */
const defaultMaxBytes = 1024 * 1024;
/** More than this is not gathered in one turn. */
const onePiece = 64 * 1024;
/** Errors still find room where other lines find none. */
const roomForErrors = 2;
const errorLine =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: on a terminal the level has a colour
  /^(?:\{"level":[56]\d,|\{"log\.level":"(?:error|fatal)"|[\d:.]+ (?:\u001b\[31m)?(?:ERROR|FATAL)\b)/;

/**
 * Writes what comes within one turn of the event loop in one piece, at its end or when it is flushed. Where whoever reads
 * it hangs, what waits has a limit: more is dropped, a line at a time, and counted.
 */
export function openLogOutput(sink: Sink, maxBytes = defaultMaxBytes): LogOutput {
  let pending = '';
  let dropped = 0;
  let droppedInARow = 0;
  const flush = () => {
    if (pending === '') return;
    const text = pending;
    pending = '';
    sink.write(text);
  };
  const drop = () => {
    dropped += 1;
    droppedInARow += 1;
    if (droppedInARow > 1) return;
    flush();
    sink.once('drain', () => {
      const lines = droppedInARow;
      droppedInARow = 0;
      output.onResumed(lines);
    });
  };
  const output: LogOutput = {
    get dropped() {
      return dropped;
    },
    onResumed() {},
    flush,
    write(text) {
      if (pending.length > onePiece) flush();
      const waiting = sink.writableLength + pending.length;
      // What is behind is let go on only once all of it is read: a line here and there would be of no use.
      if (waiting > maxBytes || droppedInARow > 0) {
        if (waiting > maxBytes * roomForErrors || !errorLine.test(text)) return drop();
      }
      if (pending === '') setImmediate(flush);
      pending += text;
      return undefined;
    },
  };
  return output;
}

let standard: LogOutput | undefined;

/** The one way of this process to standard error. */
export function standardError(): LogOutput {
  if (standard === undefined) {
    standard = openLogOutput(process.stderr);
    process.once('exit', standard.flush);
  }
  return standard;
}
