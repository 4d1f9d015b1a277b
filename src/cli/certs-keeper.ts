import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { ExecFailed, findSallyError, InternalError, messageOf } from '../errors.js';
import type { Logger } from '../log.js';
import { keep } from '../pki/index.js';
import type { CommandIo } from './io.js';
import { loggerOf } from './runtime.js';

/** A command that hangs must not keep certificates from being renewed. */
const execDeadlineMs = 10 * 60_000;

/** One look of a daemon: what it did is logged; it says when things are due next. */
export type Look = (log: Logger) => Promise<readonly Date[]>;

/** Looks again and again until SIGTERM or SIGINT. A look that fails is logged, and tried again later. */
export async function runKeeper(io: CommandIo, look: Look): Promise<void> {
  const log = loggerOf(io);
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(1);
      log.info({ signal }, 'stopping');
      stop.abort();
    });
  }
  await keep(
    {
      look: async () => {
        try {
          return await look(log);
        } catch (thrown) {
          warn(log, thrown);
          return [new Date()];
        }
      },
      sleep: (ms, signal) => delay(ms, undefined, { signal }).catch(() => {}),
      now: () => new Date(),
      random: Math.random,
      onWait: (ms) => log.debug({ seconds: Math.round(ms / 1000) }, 'waiting'),
    },
    stop.signal,
  );
  log.info({}, 'stopped');
}

function warn(log: Logger, thrown: unknown): void {
  const error = findSallyError(thrown) ?? InternalError({ detail: messageOf(thrown) }, thrown);
  log.warn({ code: error.code, remedy: error.remedy }, error.message);
}

/** As `execute`, but a failure is only logged. */
export async function executeAndWarn(io: CommandIo, command: string | undefined, log: Logger): Promise<void> {
  await execute(io, command).catch((thrown: unknown) => warn(log, thrown));
}

/**
 * Runs the operator's command with `sh -c`, with this process's environment and output. Nothing of a certificate is
 * put into it.
 *
 * @throws SALLY_CERT_EXEC
 */
export async function execute(io: CommandIo, command: string | undefined): Promise<void> {
  if (command === undefined) return;
  const child = spawn('sh', ['-c', command], {
    env: io.env,
    cwd: io.cwd,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), execDeadlineMs);
  try {
    const reason = await new Promise<string | undefined>((resolve) => {
      child.on('error', (error) => resolve(messageOf(error)));
      child.on('close', (status, signal) => {
        if (status !== 0) resolve(signal ? `ended by ${signal}` : `exit status ${status}`);
        else resolve(undefined);
      });
    });
    if (reason !== undefined) throw ExecFailed({ command, reason });
  } finally {
    clearTimeout(timer);
  }
}
