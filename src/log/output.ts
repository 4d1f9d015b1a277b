import type { Registry } from 'prom-client';

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
const errorLine = /^(?:\{"level":[56]\d,|[\d:.]+ (?:ERROR|FATAL) )/;

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

/** Counts in `registry` what `log` dropped. To be called once for a registry. */
export async function countDroppedLines(
  registry: Registry,
  log: { readonly dropped?: number },
): Promise<void> {
  const { Counter } = await import('prom-client');
  let counted = 0;
  new Counter({
    name: 'sallyport_log_lines_dropped_total',
    help: 'Lines of the log that were dropped because whoever reads it did not keep up',
    registers: [registry],
    collect() {
      const dropped = log.dropped ?? 0;
      this.inc(dropped - counted);
      counted = dropped;
    },
  });
}
