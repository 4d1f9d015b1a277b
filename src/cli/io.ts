import { Command } from 'commander';
import { UsageError } from '../errors.js';
import { nearest } from '../nearest.js';

/** What a command may touch of the process: everything else comes from the rooms below. */
export interface CommandIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Colours and symbols are for a terminal; a script reads plain text. */
  readonly color: boolean;
  /** Columns of the terminal that is printed on; 80 where there is none. */
  readonly width: number;
  /** Whether progress may be drawn on standard error. */
  readonly interactive: boolean;
  out(text: string): void;
  err(text: string): void;
  /** The status the process ends with when nothing is left to do. Default 0. */
  exitWith(status: number): void;
}

const sgr = { bold: '1', dim: '2', red: '31', green: '32', yellow: '33', cyan: '36' } as const;

/** `text` in a colour where `io` shows colours, else as it is. */
export function paint(io: Pick<CommandIo, 'color'>, style: keyof typeof sgr, text: string): string {
  return io.color ? `\u001b[${sgr[style]}m${text}\u001b[0m` : text;
}

/** What a peer or a file says is printed, not obeyed: no control characters but line ends. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about
  return text.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g, '?');
}

/**
 * A text as who runs make would write the commands in it: make is the command of a clone, and says so by MAKELEVEL. Options
 * stay with the command itself.
 */
export function inWordsOfMake(env: CommandIo['env'], text: string): string {
  if (env['MAKELEVEL'] === undefined) return text;
  const one = /\bsallyport certs (all|ca|gateway|check|crl|ca-rotate \w+)(?=\s*$|[.,;:)\n]| (?!-))/gm;
  const named = /\bsallyport certs (plugin|renew|revoke) (\w[\w-]*)(?=\s*$|[.,;:)\n]| (?!-))/gm;
  return text
    .replace(one, (_, words: string) => `make certs-mcp-${words.replace(' ', '-')}`)
    .replace(named, 'make certs-mcp-$1 PLUGIN_NAME=$2');
}

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
  return new Command(name)
    .usage('<command> [options]')
    .argument('[command]')
    .action((word: string | undefined) => {
      const names = forms.map((form) => form.replace(/ .*/, ''));
      const meant = word && nearest(word, names);
      throw UsageError({
        message: word === undefined ? `${name} needs a command` : `${name} has no command '${word}'`,
        usage: meant ? `did you mean ${meant}? sallyport ${name} ${meant} --help` : usage,
      });
    })
    .helpCommand(false);
}

/** `text` in lines that end at `width`, cut between words; all begin at `indent`, the first by what its caller puts before it. Words that are longer stay whole. */
export function wrapped(text: string, width: number, indent = 0): string {
  const lines = text.split('\n').flatMap((paragraph) => {
    const cut: string[] = [];
    for (const word of paragraph.split(' ')) {
      const last = cut.at(-1);
      if (last !== undefined && last.length + 1 + word.length <= width - indent)
        cut[cut.length - 1] = `${last} ${word}`;
      else cut.push(word);
    }
    return cut;
  });
  return lines.join(`\n${' '.repeat(indent)}`);
}
