import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { importConfig } from '../config/index.js';
import { FileUnreadable, fileReason } from '../errors.js';
import { bundledKinds } from '../plugins/index.js';
import { type CommandIo, columns } from './io.js';

/** `sallyport import`: a plugin file of ContextForge as one of ours, on standard output. */
export function importCommand(io: CommandIo): Command {
  return new Command('import')
    .description('turn a plugin file of ContextForge into one of ours, on standard output')
    .argument('<file>', 'the file')
    .option('--json', 'print one object: yaml, taken, notes')
    .addHelpText('after', `\n${help}`)
    .action(async (file: string, options: { json?: boolean }) => importFile(io, file, options));
}

const help = `Exit status: 0 everything was taken, 1 something was not (standard error says what), 3 the file cannot be used.

Example:
  sallyport import plugins/config.yaml > plugins/sallyport.yaml`;

async function importFile(io: CommandIo, file: string, options: { json?: boolean }): Promise<void> {
  const path = resolve(io.cwd, file);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw FileUnreadable({ path, what: 'the plugin file', reason: fileReason(error) }, error);
  });
  const imported = importConfig(text, { file, kinds: new Set(bundledKinds) });
  const { yaml, taken, notes } = imported;
  io.data(options.json ? `${JSON.stringify(imported, null, 2)}\n` : yaml);
  io.exitWith(notes.length === 0 ? 0 : 1);
  if (options.json) return;
  io.err(`taken: ${taken.join(', ') || 'no plugin'}\n`);
  if (notes.length === 0) return;
  io.err('not taken as it was:\n');
  for (const line of columns(notes.map(({ where, why }) => [`  ${where}`, why]))) io.err(`${line}\n`);
}
