import { Command } from 'commander';
import { UsageError } from '../errors.js';
import { nearest } from '../nearest.js';
import type { Screen } from '../terminal.js';

/** What a command may touch of the process: everything else comes from the rooms below. As a screen it is standard output. */
export interface CommandIo extends Pick<Screen, 'color' | 'width' | 'inWords'> {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Standard error as a screen. */
  readonly stderr: Screen;
  /** Whether standard error is a terminal: a person reads what is logged, and can be asked. */
  readonly interactive: boolean;
  /** Standard output, with its commands in words that work where this was started. */
  out(text: string): void;
  /** Standard output as it is: what a plugin, a file or a shell is to have is nothing of ours to reword. */
  data(text: string): void;
  err(text: string): void;
  /** The status the process ends with when nothing is left to do. Default 0. */
  exitWith(status: number): void;
}

export { printable } from '../terminal.js';

/** Rows as lines whose columns line up; the last column is not padded. */
export function columns(rows: readonly (readonly string[])[], gap = 2): string[] {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length);
    });
  return rows.map((row) =>
    row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd((widths[i] ?? 0) + gap))).join(''),
  );
}

/** A command that is nothing by itself: one of its own has to be named. `forms`: how they are called. */
export function commandWithSubcommands(name: string, forms: readonly string[]): Command {
  const usage = `sallyport ${name} ${forms.join(' | ')}`;
  return (
    new Command(name)
      .usage('<command> [options]')
      .argument('[command]')
      // What was meant is said of the first word, whatever comes after it.
      .allowExcessArguments()
      .allowUnknownOption()
      .action((word: string | undefined) => {
        const names = forms.map((form) => form.replace(/ .*/, ''));
        if (word?.startsWith('-')) {
          const help = `sallyport ${name} --help`;
          const usage = nearest(word, ['--help']) ? `did you mean --help? ${help}` : help;
          throw UsageError({ message: `unknown option '${word}'`, usage });
        }
        const meant = word && nearest(word, names);
        throw UsageError({
          message: word === undefined ? `${name} needs a command` : `${name} has no command '${word}'`,
          usage: meant ? `did you mean ${meant}? sallyport ${name} ${meant} --help` : usage,
        });
      })
      .helpCommand(false)
  );
}
