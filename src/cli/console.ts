import { Command } from 'commander';
import type { CommandIo } from './io.js';
import { portNumber } from './runtime.js';

interface Flags {
  readonly port?: number;
  readonly json?: true;
}

/** `sallyport console`: another link to the page of a gateway that runs here. */
export function consoleCommand(io: CommandIo): Command {
  return new Command('console')
    .description('print a link to the page of a gateway that runs here with --console')
    .option('--port <n>', 'the port of its page, where there are several', portNumber)
    .option('--json', 'print JSON')
    .addHelpText('after', `\n${help}`)
    .action(async ({ port, json }: Flags) => {
      const { findConsole, runtimeFolder } = await import('../console/index.js');
      const link = await (await findConsole(runtimeFolder(io.env), port)).link();
      io.data(json ? `${JSON.stringify({ link })}\n` : `${link}\n`);
    });
}

const help = `The link opens the page once, within ten minutes. It is had over a socket that only the user may connect to that the
gateway runs as: in XDG_RUNTIME_DIR, or else in the folder for temporary files.

Example:
  sallyport console
  ssh gw.example -L 4450:127.0.0.1:4450 sallyport console`;
