import { basename } from 'node:path';
import { CertsMissing } from '../errors.js';
import type { CheckEntry, CheckReport, EnsureResult } from '../pki/index.js';
import { type CommandIo, columns, paint } from './io.js';

interface Format {
  readonly dir: string;
  readonly json?: true;
}

interface ConfigUsed {
  readonly path: string;
  readonly found: boolean;
  readonly names: readonly string[];
}

const titles = { ca: 'CA', gateway: 'gateway', plugin: 'plugin' } as const;
const outcomeStyles = { made: 'green', repaired: 'yellow', kept: 'dim' } as const;

/** A line for each folder that was made or kept, its notes, and what to do next. */
export async function printEnsured(
  io: CommandIo,
  { dir, json }: Format,
  results: readonly EnsureResult[],
  config?: ConfigUsed,
): Promise<void> {
  const { makeCommand, opensslDate } = await import('../pki/index.js');
  if (json) {
    const used = config ? { config: { path: config.path, found: config.found } } : {};
    io.out(`${JSON.stringify({ dir, ...used, results }, null, 2)}\n`);
    return;
  }
  const { lines, style } = configLine(config);
  for (const line of lines) io.out(`${paint(io, style, line)}\n\n`);
  const rows = columns(
    results.map((result) => [
      result.outcome.padEnd('repaired'.length),
      [titles[result.role], result.name].filter(Boolean).join(' '),
      result.folder,
      result.made.length > 0
        ? result.made.map((path) => basename(path)).join(' ')
        : `as it was, ends ${opensslDate(result.notAfter)}`,
    ]),
  );
  for (const [i, result] of results.entries()) {
    const row = rows[i] ?? '';
    const word = 'repaired'.length;
    io.out(`  ${paint(io, outcomeStyles[result.outcome], row.slice(0, word))}${row.slice(word)}\n`);
    for (const note of result.notes)
      io.out(`  ${' '.repeat(word)}  ${paint(io, 'yellow', `note: ${note}`)}\n`);
  }
  io.out(`\nNext: ${paint(io, 'cyan', makeCommand(dir, { role: 'check' }))}\n`);
}

function configLine(config: ConfigUsed | undefined): { lines: readonly string[]; style: 'yellow' | 'dim' } {
  if (config === undefined) return { lines: [], style: 'dim' };
  if (!config.found) {
    return {
      lines: [`There is no ${config.path}: making certificates for ${config.names.join(' and ')}`],
      style: 'yellow',
    };
  }
  const count = config.names.length;
  return { lines: [`${config.path} names ${count} external plugin${count === 1 ? '' : 's'}`], style: 'dim' };
}

const groups = [
  ['ca', 'CA Certificate:'],
  ['gateway', 'Gateway Client Certificate:'],
  ['plugin', 'Plugin Certificates:'],
] as const;

/** The ends of all certificates in three groups, then each finding with what to run. */
export async function printChecked(io: CommandIo, { json }: Format, report: CheckReport): Promise<void> {
  const { makeCommand, opensslDate } = await import('../pki/index.js');
  if (json) {
    io.out(`${JSON.stringify(report, null, 2)}\n`);
    io.exitWith(report.status);
    return;
  }
  const { dir, entries } = report;
  if (entries.length === 0) throw CertsMissing({ dir, remedy: makeCommand(dir, { role: 'all' }) });
  const rows = columns(
    entries.map((entry) => [
      `   ${entry.role === 'plugin' ? entry.name : 'Expires'}:`,
      entry.notAfter ? opensslDate(entry.notAfter) : '-',
      entry.daysLeft === undefined ? '-' : remaining(entry.daysLeft),
      '',
    ]),
  );
  io.out(`Expiry of the certificates in ${dir}\n`);
  for (const [role, title] of groups) {
    const members = [...entries.entries()].filter(([, entry]) => entry.role === role);
    io.out(`\n${paint(io, 'bold', title)}\n`);
    if (members.length === 0)
      io.out(
        report.caElsewhere ? '   none on this host\n' : `   none yet: ${none(role, dir, makeCommand)}\n`,
      );
    for (const [i, entry] of members) io.out(`${rows[i]}${paint(io, styleOf(entry), entry.verdict)}\n`);
  }
  printRevoked(io, report, opensslDate);
  printFindings(io, entries);
  for (const note of report.notes) io.out(`\n${paint(io, 'yellow', `note: ${note}`)}\n`);
  io.exitWith(report.status);
}

/** When each list of the revoked ends, and who is on it. */
function printRevoked(io: CommandIo, { crls = [] }: CheckReport, show: (date: Date) => string): void {
  if (crls.length === 0) return;
  io.out(`\n${paint(io, 'bold', 'Revocation Lists:')}\n`);
  const rows = crls.map(({ issuer, number, nextUpdate, revoked }) => [
    `   ${issuer}:`,
    show(nextUpdate),
    `number ${number}`,
    `${revoked.length} revoked`,
  ]);
  const lines = columns(rows);
  for (const [i, { revoked }] of crls.entries()) {
    io.out(`${lines[i]}\n`);
    for (const { serial, date } of revoked) io.out(`     ${serial}, since ${show(date)}\n`);
  }
}

function none(
  role: 'ca' | 'gateway' | 'plugin',
  dir: string,
  makeCommand: typeof import('../pki/index.js')['makeCommand'],
): string {
  return makeCommand(dir, role === 'plugin' ? { role, name: 'NAME' } : { role });
}

function printFindings(io: CommandIo, entries: readonly CheckEntry[]): void {
  const findings = entries.flatMap((entry) => entry.findings);
  if (findings.length === 0) return;
  io.out('\n');
  for (const { path, verdict, detail, remedy } of findings) {
    const sentence = verdict === 'unreadable' && detail.includes(path) ? detail : `${path} ${detail}`;
    io.out(`${sentence}\n  ${paint(io, 'cyan', '→')} ${remedy}\n`);
  }
}

function remaining(days: number): string {
  const count = Math.abs(days);
  return `${count} day${count === 1 ? '' : 's'} ${days < 0 ? 'ago' : 'left'}`;
}

function styleOf({ verdict }: CheckEntry): 'green' | 'yellow' | 'red' {
  if (verdict === 'ok') return 'green';
  return mild.has(verdict) ? 'yellow' : 'red';
}

const mild: ReadonlySet<string> = new Set([
  'expires soon',
  'ca.crl expires soon',
  'key readable by others',
  'not strict',
]);
