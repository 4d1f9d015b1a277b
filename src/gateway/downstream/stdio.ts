import type { Readable, Writable } from 'node:stream';
import { messageOf } from '../../errors.js';
import { readLines } from '../../mcp/lines.js';
import { StdioConnection, type StdioDeps } from './stdio-connection.js';

interface StdioOptions extends StdioDeps {
  readonly input: Readable;
  /** Aborted where the process is to end. */
  readonly signal: AbortSignal;
  /** How long what is in flight may take at the end, in milliseconds. */
  readonly drainMs?: number;
}

const defaultDrainMs = 10_000;

/**
 * Serves one client of either era over standard input and output. Resolves when the client has closed its end or
 * `signal` is aborted, and what was in flight is answered. Nothing but messages is ever written to `output`.
 */
export async function serveStdio(options: StdioOptions): Promise<void> {
  const { input, output, limits, signal, log } = options;
  const connection = new StdioConnection(options);
  const stop = () => void input.destroy();
  // A client that cannot be written to is gone.
  output.on('error', stop).on('close', stop);
  signal.addEventListener('abort', stop, { once: true });
  try {
    if (!signal.aborted) {
      for await (const line of readLines(input, limits.bodyBytes)) {
        connection.take(line.kind === 'line' ? line.text : undefined);
        if (output.writableNeedDrain) await drained(output, signal);
      }
    }
  } catch (error) {
    // Destroying the input is how the wait for its next line ends.
    if (!signal.aborted && !output.destroyed) log.debug({ error: messageOf(error) }, 'stdin was closed');
  } finally {
    signal.removeEventListener('abort', stop);
  }
  await connection.end(options.drainMs ?? defaultDrainMs);
  output.off('error', stop).off('close', stop);
}

/** A client that does not read is not read from either. */
function drained(output: Writable, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      output.off('drain', done).off('close', done).off('error', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    output.once('drain', done).once('close', done).once('error', done);
    signal.addEventListener('abort', done, { once: true });
  });
}
