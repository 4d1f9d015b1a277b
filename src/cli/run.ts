import { Command, CommanderError } from 'commander';
import { asSallyError, InternalError, type SallyError, UsageError } from '../errors.js';
import { standardError } from '../log.js';
import { nearest } from '../nearest.js';
import { paint, screenOf } from '../terminal.js';
import { endProcess } from './end.js';
import { type CommandIo, printable } from './io.js';
import { inWordsOf, thisPackage } from './words.js';

/** The commands: name, what `--help` says of it, and the module, loaded only when it is used. */
const commands: Record<string, { summary: string; load: () => Promise<(io: CommandIo) => Command> }> = {
  certs: {
    summary: 'make and check the certificates',
    load: async () => (await import('./certs.js')).certsCommand,
  },
  serve: { summary: 'run the plugin server', load: async () => (await import('./serve.js')).serveCommand },
  gateway: {
    summary: 'run the MCP gateway',
    load: async () => (await import('./gateway.js')).gatewayCommand,
  },
  doctor: {
    summary: 'say what is wrong with files and servers, and what to do',
    load: async () => (await import('./doctor.js')).doctorCommand,
  },
  tools: {
    summary: 'lock what upstreams offer, show what differs from that, and accept it',
    load: async () => (await import('./tools.js')).toolsCommand,
  },
  token: {
    summary: 'make, list and revoke the tokens of clients of the gateway',
    load: async () => (await import('./token.js')).tokenCommand,
  },
  audit: {
    summary: 'say whether the audit log of a gateway is as it was written',
    load: async () => (await import('./audit.js')).auditCommand,
  },
  rules: {
    summary: 'say what the rules of a gateway decide, and by which line',
    load: async () => (await import('./rules.js')).rulesCommand,
  },
  import: {
    summary: 'turn a plugin file of ContextForge into one of ours',
    load: async () => (await import('./import.js')).importCommand,
  },
  invoke: {
    summary: 'call one hook and print the result',
    load: async () => (await import('./invoke.js')).invokeCommand,
  },
  new: {
    summary: 'make a project to begin with: a plugin',
    load: async () => (await import('./new.js')).newCommand,
  },
  dev: {
    summary: 'run plugins and a gateway in one, read anew as their code changes',
    load: async () => (await import('./dev.js')).devCommand,
  },
  console: {
    summary: 'print a link to the page of a gateway that runs here with --console',
    load: async () => (await import('./console.js')).consoleCommand,
  },
  top: {
    summary: 'show in the terminal what passes through a gateway that runs with --console',
    load: async () => (await import('./top.js')).topCommand,
  },
  completion: {
    summary: 'print the script by which a shell completes commands and options',
    load: async () => {
      const { completionCommand } = await import('./completion.js');
      return (io) => completionCommand(io, () => wholeProgram(io, () => true));
    },
  },
};

/** A message of three parts: the code, what happened, what to do next. */
function report(io: CommandIo, error: SallyError): void {
  const indent = (text: string) => printable(text).replaceAll('\n', '\n  ');
  const screen = io.stderr;
  io.err(
    `${paint(screen, 'red', 'error')} ${paint(screen, 'bold', error.code)}\n  ${indent(error.message)}\n`,
  );
  io.err(`  ${paint(screen, 'cyan', '→')} ${indent(error.remedy)}\n`);
}

/** The program with its commands; those that are not `wanted` are only named, and their modules stay unloaded. */
async function wholeProgram(io: CommandIo, wanted: (name: string) => boolean): Promise<Command> {
  const program = new Command('sallyport')
    .description('policy plugins for MCP gateways, in processes of their own, behind mutual TLS')
    .option('-V, --version', 'print the version')
    .helpCommand(false);
  for (const [name, command] of Object.entries(commands)) {
    program.addCommand(
      wanted(name) ? (await command.load())(io) : new Command(name).description(command.summary),
    );
  }
  return program;
}

async function run(given: readonly string[], io: CommandIo): Promise<void> {
  // `help certs renew` is `certs renew --help`.
  const argv = given[0] === 'help' ? [...given.slice(1), '--help'] : given;
  const used = argv.find((word) => !word.startsWith('-'));
  if (used !== undefined && !Object.hasOwn(commands, used))
    throw unknownWord('command', used, Object.keys(commands), 'sallyport');
  const program = await wholeProgram(io, (name) => name === used);
  program.addHelpText('after', '\nEvery command explains itself: sallyport <command> --help');
  silenceCommander(program, io);
  if (argv.length === 0) {
    program.outputHelp();
    io.exitWith(2);
    return;
  }
  await program.parseAsync(argv, { from: 'user' });
}

/** Commander throws in place of printing and exiting, so that its errors look like all others. */
function silenceCommander(command: Command, io: CommandIo, path = command.name()): void {
  command.exitOverride((error) => {
    throw usageError(error, command, path) ?? error;
  });
  command.showSuggestionAfterError(false);
  command.helpOption('-h, --help', 'print this help');
  command.configureOutput({ writeOut: (text) => io.out(text), writeErr: () => {} });
  for (const sub of command.commands) silenceCommander(sub, io, `${path} ${sub.name()}`);
}

/** Undefined where nothing is wrong: help was printed. */
function usageError(error: CommanderError, { options }: Command, path: string): SallyError | undefined {
  if (error.exitCode === 0) return undefined;
  const message = error.message
    .replace(/^error: /, '')
    .replace(/\n.*/s, '')
    .replace(/\.$/, '')
    .replace(/^(.*)\. (\w)/, (_, first: string, letter: string) => `${first}: ${letter.toLowerCase()}`);
  const option = /^unknown option '(.*)'$/.exec(message)?.[1];
  if (option === undefined) return UsageError({ message, usage: `${path} --help` });
  return unknownWord('option', option, [...options.map(({ long }) => long ?? ''), '--help'], path);
}

function unknownWord(what: string, seen: string, known: readonly string[], path: string): SallyError {
  const meant = nearest(seen, known);
  const usage = `${meant === undefined ? '' : `did you mean ${meant}? `}${path} --help`;
  return UsageError({ message: `unknown ${what} '${seen}'`, usage });
}

// What is said in one turn of the event loop is written at its end: a line a call cost a tenth of the call.
const stderr = standardError();
const inWords = inWordsOf({
  env: process.env,
  cwd: process.cwd(),
  root: thisPackage,
  commands: Object.keys(commands),
});
const io: CommandIo = {
  env: process.env,
  cwd: process.cwd(),
  ...screenOf(process.stdout, process.env),
  inWords,
  // A program that serves outlives the width that it began with.
  get stderr() {
    return { ...screenOf(process.stderr, process.env), inWords };
  },
  interactive: process.stderr.isTTY === true && process.env['TERM'] !== 'dumb',
  out: (text) => io.data(inWords(text)),
  data: (text) => {
    // On a terminal both are read in the order in which they were said.
    stderr.flush();
    process.stdout.write(text);
  },
  err: (text) => stderr.write(inWords(text)),
  exitWith: (status) => {
    process.exitCode = status;
  },
};

// A reader that goes away (`sallyport certs check | head -1`) is not an error.
// A log that nobody reads any more is no reason to stop serving.
process.stderr.on('error', () => {});
process.stdout.on('error', (error: NodeJS.ErrnoException) => endProcess(error.code === 'EPIPE' ? 0 : 3));

/** Runs the command that the words name, to its exit status. */
export function main(argv: readonly string[]): void {
  run(argv, io).catch(failed);
}

function failed(thrown: unknown): void {
  if (thrown instanceof CommanderError) return;
  const error = asSallyError(thrown);
  report(io, error);
  if (
    InternalError.is(error) &&
    process.env['LOG_LEVEL']?.toUpperCase() === 'DEBUG' &&
    thrown instanceof Error
  ) {
    io.err(`${thrown.stack}\n`);
  }
  io.exitWith(error.exitStatus);
  // What a plugin has left running would keep this process alive, and so would the channel of a worker to its primary.
  endProcess();
}
