import { spawn } from 'node:child_process';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { asSallyError, ExecFailed, messageOf, UsageError } from '../errors.js';
import type { Logger } from '../log.js';
import {
  advanceRotation,
  type CrlResult,
  type EnsureOptions,
  keep,
  makeCommand,
  type NeedsRenewal,
  needsRenewal,
  opensslDate,
  parseExpiresIn,
  type RenewResult,
  readCrls,
  refreshCrl,
  renewCertificates,
} from '../pki/index.js';
import { parseDuration } from '../pki/validity.js';
import { paint } from '../terminal.js';
import { type Flags, parsedOptions, printRow, progressing } from './certs-make.js';
import { type CommandIo, columns } from './io.js';
import { stopWithNpm } from './npm-parent.js';
import { loggerOf } from './runtime.js';

/** `sallyport certs renew`. */
export async function renew(io: CommandIo, flags: Flags, given: readonly string[]): Promise<void> {
  if (flags.all && given.length > 0)
    throw UsageError({
      message: '--all and a name exclude each other',
      usage: 'sallyport certs renew --help',
    });
  const names = given.filter((name) => name !== '');
  const due = flags.expiresIn === undefined ? {} : { due: parseExpiresIn(flags.expiresIn) };
  const chosen = { ...due, ...(names.length > 0 ? { names } : {}) };
  const waitMs = rotationWait(flags);
  const look = async (options: EnsureOptions, force: boolean): Promise<Looked> => {
    // The CA first: its next step may be what a certificate waits for. What keeps it from going on keeps nothing else.
    const rotation = flags.rotateCa ? advanceRotation({ ...options, waitMs }) : undefined;
    const [rotated] = await Promise.allSettled([rotation]);
    const results = await renewCertificates({ ...options, ...chosen, force });
    // The list is kept alive where there is one; it is not begun by the way.
    const { dir, caPassword } = options;
    const hasList = names.length === 0 && (await readCrls(flags.dir)) !== undefined;
    const crl = hasList
      ? await refreshCrl({ ...(dir && { dir }), ...(caPassword && { caPassword }) })
      : undefined;
    const advanced = rotated.status === 'fulfilled' ? rotated.value : undefined;
    return {
      results,
      crl,
      rotation: advanced,
      failure: rotated.status === 'rejected' ? rotated.reason : undefined,
      isNew: results.some(({ outcome }) => outcome === 'renewed') || !!crl?.made.length || !!advanced?.done,
      isStuck: results.some(({ endsWithCa }) => endsWithCa) && (advanced?.phase ?? 'none') === 'none',
    };
  };
  if (flags.daemon) {
    const options = parsedOptions(io, flags);
    let first = true;
    return runKeeper(io, flags, async (log) => {
      // What is forced is forced once.
      const force = first && flags.force === true;
      first = false;
      const looked = await look(options, force);
      logRenewed(log, looked);
      if (looked.isNew) await executeAndWarn(io, flags.exec, log);
      return dueNext(looked);
    });
  }
  const looked = await progressing(io, (options) => look(options, flags.force === true), flags);
  printRenewed(io, flags, looked);
  if (looked.results.some(({ outcome }) => outcome === 'failed')) io.exitWith(3);
  else if (looked.isStuck) io.exitWith(1);
  if (looked.isNew) await execute(io, flags.exec);
  if (looked.failure !== undefined) throw looked.failure;
}

/** What one look at the certificates came to. */
interface Looked {
  readonly results: readonly RenewResult[];
  readonly crl: CrlResult | undefined;
  readonly rotation: Awaited<ReturnType<typeof advanceRotation>> | undefined;
  /** Why the replacement of the CA did not go on. */
  readonly failure: unknown;
  readonly isNew: boolean;
  /** Something ends with its CA, and nobody replaces it. */
  readonly isStuck: boolean;
}

function dueNext({ results, crl, rotation, failure }: Looked): readonly Date[] {
  const all = [...results, ...(crl?.lists ?? []), rotation].flatMap((one) => one?.dueAt ?? []);
  return failure === undefined ? all : [...all, new Date()];
}

/** How long each step of a rotation has to have been everywhere, in milliseconds. */
function rotationWait({ rotateCa: rotates, rotateWait }: Flags): number {
  const usage = 'sallyport certs renew --daemon --rotate-ca --rotate-wait 7d';
  if (rotateWait !== undefined && !rotates)
    throw UsageError({ message: '--rotate-wait goes with --rotate-ca', usage });
  const ms = parseDuration(rotateWait ?? '7d');
  if (ms === undefined)
    throw UsageError({
      message: `--rotate-wait ${rotateWait} is no time such as 7d, 12h, 30m or 45s`,
      usage,
    });
  return ms;
}

function logRenewed(log: Logger, { results, crl, rotation, failure, isStuck }: Looked): void {
  if (rotation?.done)
    log.info({ files: rotation.done.changed }, `${rotation.done.step} of the new CA is done`);
  if (failure !== undefined) {
    const { code, remedy, message } = sallyErrorOf(failure);
    log.error({ code, remedy }, message);
  }
  for (const { name, outcome, serial, notAfter, notes, endsWithCa } of results) {
    const fields = { certificate: name, serial, notAfter: notAfter?.toISOString(), notes };
    if (outcome === 'renewed') log.info(fields, `renewed the certificate of ${name}`);
    if (outcome === 'failed') log.error(fields, `cannot renew the certificate of ${name}`);
    if (endsWithCa)
      log[isStuck ? 'error' : 'warn'](
        fields,
        `the certificate of ${name} ends with its CA, which is to be replaced`,
      );
    else if (outcome === 'kept' && notes.length > 0) log.warn(fields, `kept the certificate of ${name}`);
  }
  if (crl?.made.length) log.info({ path: crl.path }, 'renewed the revocation list');
}

const outcomeStyles = { renewed: 'green', kept: 'dim', failed: 'red' } as const;

function printRenewed(io: CommandIo, { dir, json }: Flags, { results, crl, rotation }: Looked): void {
  if (json) {
    io.out(
      `${JSON.stringify({ dir, results, ...(crl && { crl }), ...(rotation && { rotation }) }, null, 2)}\n`,
    );
    return;
  }
  const rows = columns(
    results.map(({ outcome, role, name, folder, made, notAfter, dueAt }) => [
      outcome.padEnd('renewed'.length),
      role === 'plugin' ? `plugin ${name}` : name,
      folder,
      notAfter && dueAt
        ? `ends ${opensslDate(notAfter)}, due ${opensslDate(dueAt)}`
        : made.map((path) => basename(path)).join(' '),
    ]),
  );
  for (const [i, { outcome, notes }] of results.entries())
    printRow(io, rows[i] ?? '', 'renewed'.length, outcomeStyles[outcome], notes);
  if (crl?.made.length) io.out(`  ${paint(io, 'green', 'renewed')}  ${crl.path}\n`);
  if (rotation?.done) io.out(`  ${paint(io, 'green', 'rotated')}  the CA: ${rotation.done.step} is done\n`);
  if (rotation?.dueAt)
    io.out(`  ${' '.repeat(7)}  the next step of the CA is due ${opensslDate(rotation.dueAt)}\n`);
}

/** The exit statuses that `--help` promises. */
const statuses = { due: 0, 'not due': 1, missing: 2, unreadable: 3 } as const;

/** `sallyport certs needs-renewal`. */
export async function askRenewal(io: CommandIo, flags: Flags, what: string): Promise<void> {
  const due = flags.expiresIn === undefined ? {} : { due: parseExpiresIn(flags.expiresIn) };
  const ask = () => needsRenewal(what, { dir: flags.dir, ...due });
  if (flags.daemon) {
    return runKeeper(io, flags, async (log) => {
      const answer = await ask();
      if (answer.kind === 'not due') return [answer.dueAt];
      log.warn({ path: answer.path }, sentence(answer));
      if (answer.kind === 'due') await executeAndWarn(io, flags.exec, log);
      const after = await ask();
      return ['dueAt' in after ? after.dueAt : new Date()];
    });
  }
  const answer = await ask();
  const { kind, ...facts } = answer;
  if (flags.json) io.out(`${JSON.stringify({ status: kind, ...facts }, null, 2)}\n`);
  else if ('dueAt' in answer) io.out(`${sentence(answer)}\n`);
  else {
    // A wrong use ends with status 2 as well: there the first word is `error`, and nothing is on standard output.
    const next = `give a file, or a name that this shows: ${makeCommand(flags.dir, { role: 'check' })}`;
    io.err(`${kind}: ${sentence(answer)}\n  ${paint(io, 'cyan', '→')} ${next}\n`);
  }
  io.exitWith(statuses[answer.kind]);
  if (answer.kind === 'due') await execute(io, flags.exec);
}

function sentence(answer: NeedsRenewal): string {
  if (answer.kind === 'missing') return `${answer.path} is not there`;
  if (answer.kind === 'unreadable') return `${answer.path} cannot be read: ${answer.reason}`;
  const ends = `it ends ${opensslDate(answer.notAfter)}`;
  return answer.kind === 'due'
    ? `${answer.path} is due for renewal since ${opensslDate(answer.dueAt)}: ${ends}`
    : `${answer.path} is due for renewal from ${opensslDate(answer.dueAt)}: ${ends}`;
}

/** A command that hangs must not keep certificates from being renewed. */
const execDeadlineMs = 10 * 60_000;

/** One look of a daemon: what it did is logged; it says when things are due next. */
type Look = (log: Logger) => Promise<readonly Date[]>;

/** Looks again and again until SIGTERM or SIGINT. A look that fails is logged, and tried again later. */
async function runKeeper(io: CommandIo, flags: Flags, look: Look): Promise<void> {
  stopWithNpm();
  const log = loggerOf(io, flags.logFormat === undefined ? {} : { logFormat: flags.logFormat });
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

const sallyErrorOf = (thrown: unknown) => asSallyError(thrown);

function warn(log: Logger, thrown: unknown): void {
  const error = sallyErrorOf(thrown);
  log.warn({ code: error.code, remedy: error.remedy }, error.message);
}

/** As `execute`, but a failure is only logged. */
async function executeAndWarn(io: CommandIo, command: string | undefined, log: Logger): Promise<void> {
  await execute(io, command).catch((thrown: unknown) => warn(log, thrown));
}

/**
 * Runs the operator's command with `sh -c`, with this process's environment and output. Nothing of a certificate is
 * put into it.
 *
 * @throws SALLY_CERT_EXEC
 */
async function execute(io: CommandIo, command: string | undefined): Promise<void> {
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
