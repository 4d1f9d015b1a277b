import { UsageError } from '../errors.js';
import {
  opensslDate,
  type RotationPhase,
  type RotationResult,
  type RotationStatus,
  rotateCa,
  rotationStatus,
  rotationSteps,
} from '../pki/index.js';
import { type Flags, progressing } from './certs-options.js';
import { type CommandIo, columns, paint } from './io.js';

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
