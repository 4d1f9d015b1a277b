import { resolve } from 'node:path';
import { Command } from 'commander';
import { importConfig, type PluginEntry } from '../config/index.js';
import { FileUnreadable, fileReason, PluginConfigInvalid } from '../errors.js';
import { validateConfig } from '../plugin/local.js';
import { elsewhere } from '../plugins/elsewhere.js';
import { bundledPlugin, isBundledKind } from '../plugins/index.js';
import { readFileText } from '../read-file.js';
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

const help = `What has no counterpart here becomes a comment in its place, with what to do. A plugin that stays in Python goes on
behind mutual TLS, as kind: external.

Exit status: 0 everything was taken, 1 something was not (standard error says what), 3 the file cannot be used.

Example:
  sallyport import plugins/config.yaml > plugins/sallyport.yaml`;

async function importFile(io: CommandIo, file: string, options: { json?: boolean }): Promise<void> {
  const path = resolve(io.cwd, file);
  const text = await readFileText(path).catch((error: unknown) => {
    throw FileUnreadable({ path, what: 'the plugin file', reason: fileReason(error) }, error);
  });
  const { plugins, ...imported } = importConfig(text, { file, isBundled: isBundledKind, elsewhere });
  const { yaml, taken } = imported;
  const notes = [...imported.notes, ...(await refusedSettings(plugins))];
  io.data(options.json ? `${JSON.stringify({ yaml, taken, notes }, null, 2)}\n` : yaml);
  io.exitWith(notes.length === 0 ? 0 : 1);
  if (options.json) return;
  io.err(`taken: ${taken.join(', ') || 'no plugin'}\n`);
  if (notes.length === 0) return;
  io.err('not taken as it was:\n');
  const rows = notes.flatMap(({ where, why, todo }): (readonly [string, string])[] => [
    [`  ${where}`, why],
    ...(todo ? ([['', `→ ${todo}`]] as const) : []),
  ]);
  for (const line of columns(rows)) io.err(`${line}\n`);
}

/** What the plugins in the box would refuse of their settings. */
async function refusedSettings(
  plugins: readonly PluginEntry[],
): Promise<{ where: string; why: string; todo?: string }[]> {
  const notes = [];
  for (const entry of plugins) {
    const definition = await bundledPlugin(entry.kind);
    if (definition === undefined) continue;
    try {
      await validateConfig(entry, definition.config);
    } catch (error) {
      if (!PluginConfigInvalid.is(error)) throw error;
      for (const why of error.context.problems)
        notes.push({ where: `plugins[${entry.name}]`, why: `to mend: ${why}` });
    }
  }
  return notes;
}
