import { UsageError } from '../errors.js';
import {
  type CrlResult,
  makeCommand,
  opensslDate,
  parseDays,
  parseReason,
  type RotationPhase,
  type RotationResult,
  type RotationStatus,
  refreshCrl,
  revokeCertificate,
  rotateCa,
  rotationStatus,
  rotationSteps,
} from '../pki/index.js';
import { paint } from '../terminal.js';
import { type Flags, passwordFrom, progressing, variable } from './certs-make.js';
import { type CommandIo, columns } from './io.js';

/** `sallyport certs revoke`. */
export async function revoke(io: CommandIo, flags: Flags, given: string | undefined): Promise<void> {
  const what = given || variable(io, 'PLUGIN_NAME');
  if (what === undefined) {
    const usage = 'sallyport certs revoke NAME|FILE|SERIAL';
    throw UsageError({ message: 'what to revoke is missing', usage });
  }
  const { dir } = flags;
  const reason = flags.reason === undefined ? {} : { reason: parseReason(flags.reason) };
  const days = parseDays(flags.days ?? '30');
  const result = await revokeCertificate(what, { dir, ...reason, days, ...passwordFrom(io) });
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
  const days = parseDays(flags.days ?? '30');
  const result = await refreshCrl({ dir, ...force, days, ...passwordFrom(io) });
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
  // It is over, or taken back: what is left to do is to see that all is well.
  printStatus(
    io,
    status.phase === 'none' ? { ...status, next: makeCommand(status.dir, { role: 'check' }) } : status,
  );
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
