import { resolve } from 'node:path';
import { Command } from 'commander';
import { UsageError } from '../errors.js';
import type { Fault, Verdict } from '../telemetry/audit/verify.js';
import { paint } from '../terminal.js';
import { type CommandIo, commandWithSubcommands, printable } from './io.js';

interface Flags {
  readonly keyFile?: string;
  readonly json?: true;
}

/** `sallyport audit`: the file that `gateway.audit.file` names. */
export function auditCommand(io: CommandIo): Command {
  const command = commandWithSubcommands('audit', ['verify FILE…'])
    .description('say whether the audit log of a gateway is as it was written')
    .addHelpText('after', `\n${help}`);
  command.addCommand(
    new Command('verify')
      .description('the first line that was changed, removed, swapped or put there, and why: exit status 1')
      .argument('<file...>', 'the audit log; rotated ones before it, the oldest first')
      .option(
        '--key-file <file>',
        'the key of its chain (default: the file beside the last one that ends with .key)',
      )
      .option('--json', 'print JSON')
      .addHelpText('after', `\n${help}`)
      .action(async (files: string[], flags: Flags) => verify(io, files, flags)),
  );
  return command;
}

const help = `Example:
  sallyport audit verify /var/log/sallyport/audit.jsonl.1 /var/log/sallyport/audit.jsonl --key-file /etc/sallyport/audit.key`;

async function verify(io: CommandIo, given: readonly string[], { keyFile, json }: Flags): Promise<void> {
  const { keyPathBeside, readAuditKey } = await import('../telemetry/audit/key.js');
  const { verifyAudit } = await import('../telemetry/audit/verify.js');
  const twice = given.find((file, i) => given.indexOf(file) !== i);
  if (twice !== undefined)
    throw UsageError({ message: `${twice} is named twice`, usage: 'sallyport audit verify --help' });
  const files = given.map((file) => resolve(io.cwd, file));
  const last = files.at(-1) ?? '';
  const key = readAuditKey(keyFile === undefined ? keyPathBeside(last) : resolve(io.cwd, keyFile));
  const verdict = await verifyAudit(files, key);
  const named = (one: Fault): Fault => ({ ...one, file: given[files.indexOf(one.file)] ?? one.file });
  const { fault, notes } = verdict;
  const shown: Verdict = { ...verdict, fault: fault && named(fault), notes: notes.map(named) };
  io.out(json ? `${JSON.stringify({ whole: fault === undefined, ...shown }, null, 2)}\n` : textOf(io, shown));
  if (fault !== undefined) io.exitWith(1);
}

const place = ({ file, line }: Fault) => (file === '' ? 'the log' : `${file}:${line}`);

function textOf(io: CommandIo, { lines, chains, fault, notes }: Verdict): string {
  const ends = {
    closed: 'closed in order',
    'handed on': 'handed on to the next file',
    open: 'open: it goes on, or a crash has ended it',
  };
  const said = [
    ...notes.map((note) => `${paint(io, 'yellow', 'note')}   ${place(note)}  ${note.why}`),
    ...(fault
      ? [`${paint(io, 'red', 'broken')} ${place(fault)}  ${fault.why}`]
      : [
          ...chains.map(
            ({ chain, worker, first, last, end }) =>
              `${paint(io, 'green', 'whole')}  chain ${chain} of worker ${worker}: ${first} to ${last}, ${ends[end]}`,
          ),
          `${paint(io, 'bold', `${lines} lines`)}, each as it was written`,
        ]),
  ];
  return `${said.map(printable).join('\n')}\n`;
}
