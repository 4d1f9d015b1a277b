import { isAbsolute } from 'node:path';
import { CertsMissing } from '../errors.js';
import {
  type CheckEntry,
  type CheckReport,
  checkCertificates,
  type Finding,
  isMild,
  makeCommand,
  opensslDate,
  parseDays,
  worstFirst,
} from '../pki/index.js';
import { paint, wrapped, wrappedRemedy } from '../terminal.js';
import type { Flags } from './certs-make.js';
import { type CommandIo, columns } from './io.js';

/** `sallyport certs check`. */
export async function check(io: CommandIo, flags: Flags): Promise<void> {
  const warnDays = parseDays(flags.warnDays ?? '30', 0);
  const report = await checkCertificates({ dir: flags.dir, warnDays });
  io.exitWith(report.status);
  if (flags.json) io.out(`${JSON.stringify(report, null, 2)}\n`);
  else printChecked(io, report, flags.verbose === true);
}

const groups = [
  ['ca', 'CA Certificate:'],
  ['gateway', 'Gateway Client Certificate:'],
  ['plugin', 'Plugin Certificates:'],
] as const;

/** More plugins that are well than these are one line. */
const mostWell = 5;

/** What is wrong and what to run for it, the ends of all certificates in three groups, and what to begin with. */
function printChecked(io: CommandIo, report: CheckReport, verbose: boolean): void {
  const { dir, entries } = report;
  if (entries.length === 0) throw CertsMissing({ dir, remedy: makeCommand(dir, { role: 'all' }) });
  const findings = worstFirst(entries.flatMap((entry) => entry.findings));
  io.out(`Expiry of the certificates in ${dir}\n`);
  if (findings.length > 0) io.out('\n');
  for (const found of findings) printFinding(io, found, dir);
  const well = entries.filter(({ role, verdict }) => role === 'plugin' && verdict === 'ok');
  const folded = !verbose && well.length > mostWell ? well : [];
  const rows = new Map(entries.map((entry) => [entry, cellsOf(entry)]));
  for (const entry of folded) rows.delete(entry);
  const first = soonest(folded);
  if (first !== undefined)
    rows.set(first, [`   ${folded.length} that are well, the first:`, ...cellsOf(first).slice(1)]);
  const lines = table(io, [...rows.values()]);
  const line = new Map([...rows.keys()].map((entry, i) => [entry, lines[i]]));
  for (const [role, title] of groups) {
    io.out(`\n${paint(io, 'bold', title)}\n`);
    const members = entries.filter((entry) => entry.role === role);
    if (members.length === 0)
      io.out(report.caElsewhere ? '   none on this host\n' : `   none yet: ${none(role, dir)}\n`);
    for (const entry of members) {
      const text = line.get(entry);
      if (text !== undefined) io.out(`${text}${paint(io, styleOf(entry.verdict), entry.verdict)}\n`);
    }
  }
  printRevoked(io, report);
  for (const note of report.notes)
    io.out(`\n${paint(io, 'yellow', wrapped(`note: ${note}`, io.width, 2))}\n`);
  io.out(`\n${summary(io, findings, entries)}\n`);
}

const statusWidth = 9;

/** One thing that is not as it should be, and what to do. */
function printFinding(io: CommandIo, { path, verdict, detail, remedy }: Finding, dir: string): void {
  const style = styleOf(verdict);
  const status = paint(io, style, (style === 'red' ? 'fail' : 'warn').padEnd(statusWidth));
  const sentence = verdict === 'unreadable' && detail.includes(path) ? detail : `${path} ${detail}`;
  // The first line says which folder it is.
  const short = isAbsolute(dir) ? sentence.replaceAll(`${dir.replace(/\/$/, '')}/`, '') : sentence;
  io.out(`${status}${wrapped(short, io.width, statusWidth)}\n`);
  const next = wrappedRemedy(remedy, io, statusWidth + 2);
  io.out(`${' '.repeat(statusWidth)}${paint(io, 'cyan', '→')} ${next}\n`);
}

/** Name, end, days and, in the row of its width, the verdict. */
function cellsOf({ role, name, notAfter, daysLeft, verdict }: CheckEntry): readonly string[] {
  const end = notAfter ? opensslDate(notAfter) : '-';
  const days = daysLeft === undefined ? '-' : remaining(daysLeft);
  return [`   ${role === 'plugin' ? name : 'Expires'}:`, end, days, verdict];
}

/**
 * Rows up to their verdict, whose columns line up. Where they are too wide dates are without their time, and a name that still
 * finds no room beside the others has a line of its own.
 */
function table({ width }: CommandIo, rows: readonly (readonly string[])[]): readonly string[] {
  const verdicts = rows.map((cells) => cells.at(-1) ?? '');
  const widest = (lines: readonly string[]) =>
    Math.max(...lines.map((line, i) => line.length + (verdicts[i] ?? '').length));
  const whole = columns(rows.map((cells) => [...cells.slice(0, -1), '']));
  if (widest(whole) <= width) return whole;
  const rest = columns(
    rows.map(([, date = '', days = '']) => [date.replace(/ [\d:]{8}(.*) GMT$/, '$1'), days, '']),
  );
  const room = width - widest(rest) - 2;
  const names = rows.map(([name = '']) => name);
  const column = Math.max(4, ...names.map(({ length }) => length).filter((length) => length <= room));
  return names.map((name, i) => {
    const head = name.length > column ? `${name}\n${' '.repeat(column)}` : name.padEnd(column);
    return `${head}  ${rest[i]}`;
  });
}

function soonest(entries: readonly CheckEntry[]): CheckEntry | undefined {
  return entries.toSorted((a, b) => Number(a.notAfter) - Number(b.notAfter))[0];
}

/** When each list of the revoked ends, and who is on it. */
function printRevoked(io: CommandIo, { crls = [] }: CheckReport): void {
  if (crls.length === 0) return;
  io.out(`\n${paint(io, 'bold', 'Revocation Lists:')}\n`);
  const rows = crls.map(({ issuer, number, nextUpdate, revoked }) => [
    `   ${issuer}:`,
    opensslDate(nextUpdate),
    `number ${number}`,
    `${revoked.length} revoked`,
  ]);
  const lines = columns(rows);
  for (const [i, { revoked }] of crls.entries()) {
    io.out(`${wrapped(lines[i] ?? '', io.width, 5)}\n`);
    for (const { serial, date } of revoked) io.out(`     ${serial}, since ${opensslDate(date)}\n`);
  }
}

function none(role: 'ca' | 'gateway' | 'plugin', dir: string): string {
  return makeCommand(dir, role === 'plugin' ? { role, name: 'NAME' } : { role });
}

function summary(io: CommandIo, findings: readonly Finding[], entries: readonly CheckEntry[]): string {
  const well = entries.filter(({ verdict }) => verdict === 'ok');
  const next = soonest(entries.filter(({ daysLeft = -1 }) => daysLeft >= 0))?.daysLeft ?? 0;
  const [first] = findings;
  if (first === undefined)
    return `${paint(io, 'green', 'all is well')}: the first of ${entries.length} ends in ${next} day${next === 1 ? '' : 's'}`;
  const count = `${findings.length} to mend`;
  const rest = `: ${well.length} of ${entries.length} certificates are well; first:`;
  return `${paint(io, styleOf(first.verdict), count)}${rest}\n  ${paint(io, 'cyan', '→')} ${wrappedRemedy(first.remedy, io, 4)}`;
}

export function remaining(days: number): string {
  const count = Math.abs(days);
  return `${count} day${count === 1 ? '' : 's'} ${days < 0 ? 'ago' : 'left'}`;
}

/** What merely wants a word is yellow. */
export function styleOf(verdict: CheckEntry['verdict']): 'green' | 'yellow' | 'red' {
  if (verdict === 'ok') return 'green';
  return isMild(verdict) ? 'yellow' : 'red';
}
