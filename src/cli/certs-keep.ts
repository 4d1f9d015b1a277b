import { spawn } from 'node:child_process';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ExecFailed, findSallyError, InternalError, messageOf, UsageError } from '../errors.js';
import type { Logger } from '../log.js';
import {
  type CrlResult,
  keep,
  makeCommand,
  type NeedsRenewal,
  needsRenewal,
  opensslDate,
  parseDays,
  parseExpiresIn,
  parseReason,
  type RenewResult,
  type RotationPhase,
  type RotationResult,
  type RotationStatus,
  readCrls,
  refreshCrl,
  renewCertificates,
  revokeCertificate,
  rotateCa,
  rotationStatus,
  rotationSteps,
} from '../pki/index.js';
import { type Flags, parsedOptions, printRow, progressing, variable } from './certs-make.js';
import { type CommandIo, columns, paint } from './io.js';
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
  const chosen = { ...due, ...(names.length > 0 ? { names } : {}), ...(flags.force ? { force: true } : {}) };
  if (flags.daemon) {
    const options = parsedOptions(io, flags);
    let first = true;
    return runKeeper(io, async (log) => {
      // What is forced is forced once.
      const force = first && flags.force === true;
      first = false;
      const results = await renewCertificates({ ...options, ...chosen, force });
      const crl = names.length > 0 ? undefined : await refreshedCrl(flags);
      logRenewed(log, results, crl);
      if (results.some(isNew) || crl?.made.length) await executeAndWarn(io, flags.exec, log);
      return [
        ...results.flatMap(({ dueAt }) => dueAt ?? []),
        ...(crl?.lists ?? []).map(({ dueAt }) => dueAt),
      ];
    });
  }
  const results = await progressing(io, (options) => renewCertificates({ ...options, ...chosen }), flags);
  const crl = names.length > 0 ? undefined : await refreshedCrl(flags);
  printRenewed(io, flags, results, crl);
  if (results.some(({ outcome }) => outcome === 'failed')) io.exitWith(3);
  else if (results.some(({ endsWithCa }) => endsWithCa)) io.exitWith(1);
  if (results.some(isNew) || crl?.made.length) await execute(io, flags.exec);
}

const isNew = ({ outcome }: RenewResult): boolean => outcome === 'renewed';

/** The list is kept alive where there is one; it is not begun by the way. */
async function refreshedCrl({ dir }: Flags): Promise<CrlResult | undefined> {
  return (await readCrls(dir)) ? refreshCrl({ dir }) : undefined;
}

function logRenewed(log: Logger, results: readonly RenewResult[], crl: CrlResult | undefined): void {
  for (const { name, outcome, serial, notAfter, notes, endsWithCa } of results) {
    const fields = { certificate: name, serial, notAfter: notAfter?.toISOString(), notes };
    if (outcome === 'renewed') log.info(fields, `renewed the certificate of ${name}`);
    if (outcome === 'failed') log.error(fields, `cannot renew the certificate of ${name}`);
    if (endsWithCa) log.error(fields, `the certificate of ${name} ends with its CA, which is to be replaced`);
    else if (outcome === 'kept' && notes.length > 0) log.warn(fields, `kept the certificate of ${name}`);
  }
  if (crl?.made.length) log.info({ path: crl.path }, 'renewed the revocation list');
}

const outcomeStyles = { renewed: 'green', kept: 'dim', failed: 'red' } as const;

function printRenewed(
  io: CommandIo,
  { dir, json }: Flags,
  results: readonly RenewResult[],
  crl: CrlResult | undefined,
): void {
  if (json) {
    io.out(`${JSON.stringify({ dir, results, ...(crl ? { crl } : {}) }, null, 2)}\n`);
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
}

/** The exit statuses that `--help` promises. */
const statuses = { due: 0, 'not due': 1, missing: 2, unreadable: 3 } as const;

/** `sallyport certs needs-renewal`. */
export async function askRenewal(io: CommandIo, flags: Flags, what: string): Promise<void> {
  const due = flags.expiresIn === undefined ? {} : { due: parseExpiresIn(flags.expiresIn) };
  const ask = () => needsRenewal(what, { dir: flags.dir, ...due });
  if (flags.daemon) {
    return runKeeper(io, async (log) => {
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

/** `sallyport certs revoke`. */
export async function revoke(io: CommandIo, flags: Flags, given: string | undefined): Promise<void> {
  const what = given || variable(io, 'PLUGIN_NAME');
  if (what === undefined) {
    const usage = 'sallyport certs revoke NAME|FILE|SERIAL';
    throw UsageError({ message: 'what to revoke is missing', usage });
  }
  const { dir } = flags;
  const reason = flags.reason === undefined ? {} : { reason: parseReason(flags.reason) };
  const result = await revokeCertificate(what, { dir, ...reason, days: parseDays(flags.days ?? '30') });
  if (flags.json) {
    io.out(`${JSON.stringify(result, null, 2)}\n`);
    return;
  }
  io.out(
    `${paint(io, 'green', 'revoked')} ${result.name}, serial number ${result.serial} (${result.reason})\n\n`,
  );
  printCrl(io, result.crl);
}

/** `sallyport certs crl`. */
export async function refresh(io: CommandIo, flags: Flags): Promise<void> {
  const { dir } = flags;
  const force = flags.force ? { force: true } : {};
  const result = await refreshCrl({ dir, ...force, days: parseDays(flags.days ?? '30') });
  if (flags.json) io.out(`${JSON.stringify(result, null, 2)}\n`);
  else printCrl(io, result);
}

function printCrl(io: CommandIo, { path, lists, made }: CrlResult): void {
  const rows = columns(
    lists.map(({ issuer, number, nextUpdate, revoked }) => [
      `  ${issuer}`,
      `number ${number}`,
      `${revoked.length} revoked`,
      `ends ${opensslDate(nextUpdate)}`,
    ]),
  );
  io.out(`${path}${made.length === 0 ? ', as it was' : ''}\n`);
  for (const row of rows) io.out(`${row}\n`);
  for (const copy of made.filter((file) => file !== path)) io.out(`  copied to ${copy}\n`);
}

/** `sallyport certs ca-rotate`. */
export async function rotate(io: CommandIo, flags: Flags, word: string): Promise<void> {
  const step = rotationSteps.find((known) => known === word);
  if (step === undefined && word !== 'status') {
    const usage = `sallyport certs ca-rotate ${[...rotationSteps, 'status'].join(' | ')}`;
    throw UsageError({ message: `ca-rotate has no step '${word}'`, usage });
  }
  if (step === undefined) {
    const status = await rotationStatus({ dir: flags.dir });
    if (flags.json) io.out(`${JSON.stringify(status, null, 2)}\n`);
    else printStatus(io, status);
    return;
  }
  const result = await progressing(io, (options) => rotateCa(step, options), flags);
  if (flags.json) io.out(`${JSON.stringify(result, null, 2)}\n`);
  else printResult(io, result);
}

function printResult(io: CommandIo, { step, changed, status }: RotationResult): void {
  const files = `${changed.length} file${changed.length === 1 ? '' : 's'}`;
  io.out(
    `${paint(io, 'green', `${step} is done`)}: ${changed.length === 0 ? 'there was nothing left to do' : `${files} changed`}\n\n`,
  );
  printStatus(io, status);
}

const meanings: Readonly<Record<RotationPhase, string>> = {
  none: 'one CA, and no other under way',
  prepared: 'the old CA issues; the new one waits in ca/next',
  switching: 'between the two: a run was cut off',
  activated: 'the new CA issues; the old one is in ca/previous',
};

function printStatus(io: CommandIo, { dir, phase, old, new: second, folders, next }: RotationStatus): void {
  io.out(`The CA of ${dir}: ${meanings[phase]}\n`);
  const cas = [
    ['old', old],
    ['new', second],
  ] as const;
  const rows = cas.flatMap(([word, ca]) =>
    ca ? [[`  ${phase === 'none' ? 'CA' : word}`, ca.subject, `ends ${opensslDate(ca.notAfter)}`]] : [],
  );
  for (const row of columns(rows)) io.out(`${row}\n`);
  if (phase !== 'none' && folders.length > 0) {
    const [head = '', ...lines] = columns([
      ['folder', 'ca.crt has', 'certificate of', 'ca.crl'],
      ...folders.map(({ folder, trusts, issuedBy, crlCurrent, revoked }) => [
        folder,
        trusts,
        `${issuedBy}${revoked ? ' (revoked)' : ''}`,
        crlCurrent ? 'current' : 'behind',
      ]),
    ]);
    io.out(`\n  ${paint(io, 'bold', head)}\n`);
    for (const line of lines) io.out(`  ${line}\n`);
  }
  // What has been copied to other hosts cannot be seen from here.
  const first = phase === 'none' ? '' : 'once every host has its folder as it is now: ';
  io.out(`\nNext: ${first}${paint(io, 'cyan', next)}\n`);
}

/** A command that hangs must not keep certificates from being renewed. */
const execDeadlineMs = 10 * 60_000;

/** One look of a daemon: what it did is logged; it says when things are due next. */
type Look = (log: Logger) => Promise<readonly Date[]>;

/** Looks again and again until SIGTERM or SIGINT. A look that fails is logged, and tried again later. */
async function runKeeper(io: CommandIo, look: Look): Promise<void> {
  stopWithNpm(io.env);
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
