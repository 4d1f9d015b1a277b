import { KeyEncrypted } from '../errors.js';
import { opensslDate, parseDays } from '../pki/index.js';
import { verdicts } from '../pki/verdicts.js';
import { paint, wrapped, wrappedRemedy } from '../terminal.js';
import { checkFile, type FileReport } from '../tls/index.js';
import { remaining, styleOf } from './certs-check.js';
import { type Flags, typedPassword, variable } from './certs-make.js';
import { type CommandIo, columns } from './io.js';

/** `sallyport certs check FILE…`. */
export async function checkFiles(io: CommandIo, flags: Flags, paths: readonly string[]): Promise<void> {
  const warnDays = parseDays(flags.warnDays ?? '30', 0);
  const given = variable(io, 'MCP_CERT_PFX_PASSWORD');
  const look = (path: string, password = given) => checkFile(path, { password, now: new Date(), warnDays });
  const reports: FileReport[] = [];
  for (const path of paths) {
    const report = look(path);
    const typed = report.problems.some(KeyEncrypted.is) ? await typedPassword(io, `password of ${path}`) : '';
    reports.push(typed ? look(path, typed) : report);
  }
  const status = Math.max(...reports.map(({ verdict }) => verdicts[verdict].exit));
  if (flags.json) {
    const files = reports.map(({ problems, ...report }) => ({
      ...report,
      problems: problems.map(({ code, message, remedy }) => ({ code, message, remedy })),
    }));
    io.out(`${JSON.stringify({ files, status }, null, 2)}\n`);
    io.exitWith(status);
    return;
  }
  const rows = columns(
    reports.map(({ path, notAfter, daysLeft }) => [
      `${path}:`,
      notAfter ? opensslDate(notAfter) : '-',
      daysLeft === undefined ? '-' : remaining(daysLeft),
      '',
    ]),
  );
  for (const [i, report] of reports.entries())
    io.out(`${rows[i]}${paint(io, styleOf(report.verdict), report.verdict)}\n`);
  const problems = reports.flatMap((report) => report.problems);
  if (problems.length > 0) io.out('\n');
  for (const { message, remedy } of problems) {
    io.out(`${wrapped(message, io.width, 2)}\n`);
    io.out(`  ${paint(io, 'cyan', '→')} ${wrappedRemedy(remedy, io, 4)}\n`);
  }
  io.exitWith(status);
}
