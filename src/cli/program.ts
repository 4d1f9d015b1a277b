import { availableParallelism } from 'node:os';
import { InvalidArgumentError } from 'commander';
import { messageOf, StrayPluginError } from '../errors.js';
import type { Logger } from '../log.js';
import { isWorker } from '../workers/index.js';

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
      if (asked) process.exit(1);
      asked = true;
      stop(signal);
    });
  }
}

/** A promise or a timer that a plugin left behind must not end the calls of others. */
export function keepAliveAfterStrayErrors(log: Logger): void {
  const report = (thrown: unknown) => {
    const error = StrayPluginError({ detail: messageOf(thrown) });
    const stack = thrown instanceof Error ? thrown.stack : undefined;
    log.error({ code: error.code, remedy: error.remedy }, error.message);
    log.debug({ stack }, 'where it was thrown');
  };
  process.on('unhandledRejection', report);
  process.on('uncaughtException', report);
}
