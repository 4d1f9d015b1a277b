import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import type { ServerInput } from '../config/index.js';
import { printable } from './io.js';

/** Asks on the terminal for what an editor would ask its user for; undefined where nothing is given. */
export async function askOnTerminal(input: ServerInput): Promise<string | undefined> {
  const { description, password, options } = input;
  let muted = false;
  const output = new Writable({
    write(chunk, _, done) {
      if (!muted) process.stderr.write(chunk);
      done();
    },
  });
  const terminal = createInterface({ input: process.stdin, output, terminal: true });
  terminal.once('SIGINT', () => process.exit(130));
  const choice = options ? ` (${options.join(', ')})` : '';
  const usual = input.default === undefined ? '' : ` [${password ? 'hidden' : input.default}]`;
  try {
    const answer = terminal.question(printable(`${description}${choice}${usual}: `));
    // The question itself has been written by now; what is typed is not to be seen.
    muted = password;
    const given = (await answer) || input.default;
    return options === undefined || options.includes(given ?? '') ? given : undefined;
  } finally {
    terminal.close();
    if (password) process.stderr.write('\n');
  }
}
