import { InvalidArgumentError } from 'commander';
import { messageOf, StrayPluginError } from '../errors.js';
import type { Logger } from '../log.js';

/** The value of `--port`. */
export function portNumber(value: string): number {
  const port = Number(value);
  if (/^\d+$/.test(value) && port <= 65_535) return port;
  throw new InvalidArgumentError('it must be a number from 0 to 65535.');
}

/** Calls `stop` at SIGTERM and SIGINT. The second signal does not wait any more. */
export function onStopSignal(stop: (signal: string) => void): void {
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
