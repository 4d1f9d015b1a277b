import { basename } from 'node:path';
import { UsageError } from '../errors.js';
import type { Logger } from '../log.js';
import {
  type CrlResult,
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
import { execute, executeAndWarn, runKeeper } from './certs-keeper.js';
import { type Flags, parsedOptions, progressing } from './certs-options.js';
import { type CommandIo, columns, paint } from './io.js';

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
    const options = await parsedOptions(io, flags);
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
  if (results.some(isNew) || crl?.made.length) await execute(io, flags.exec);
}

const isNew = ({ outcome }: RenewResult): boolean => outcome === 'renewed';

/** The list is kept alive where there is one; it is not begun by the way. */
async function refreshedCrl({ dir }: Flags): Promise<CrlResult | undefined> {
  return (await readCrls(dir)) ? refreshCrl({ dir }) : undefined;
}

function logRenewed(log: Logger, results: readonly RenewResult[], crl: CrlResult | undefined): void {
  for (const { name, outcome, serial, notAfter, notes } of results) {
    const fields = { certificate: name, serial, notAfter: notAfter?.toISOString(), notes };
    if (outcome === 'renewed') log.info(fields, `renewed the certificate of ${name}`);
    if (outcome === 'failed') log.error(fields, `cannot renew the certificate of ${name}`);
    if (outcome === 'kept' && notes.length > 0) log.warn(fields, `kept the certificate of ${name}`);
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
  const word = 'renewed'.length;
  for (const [i, { outcome, notes }] of results.entries()) {
    const row = rows[i] ?? '';
    io.out(`  ${paint(io, outcomeStyles[outcome], row.slice(0, word))}${row.slice(word)}\n`);
    for (const note of notes) io.out(`  ${' '.repeat(word)}  ${paint(io, 'yellow', `note: ${note}`)}\n`);
  }
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
