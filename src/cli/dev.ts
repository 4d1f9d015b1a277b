import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { Command } from 'commander';
import type { Dev, News } from '../dev/index.js';
import { ConfigPathMissing, fileReason, messageOf, RecordNotWritten } from '../errors.js';
import { parseJson } from '../json/index.js';
import { paint } from '../terminal.js';
import type { Exchange } from '../testing/exchanges.js';
import { type CommandIo, printable } from './io.js';
import { logFormatOf, logFormatOption, loggerOf, onStopSignal, portNumber } from './runtime.js';

interface Flags {
  readonly config?: string;
  readonly gateway?: string;
  readonly servers?: string;
  readonly port?: number;
  readonly run?: string;
  readonly record?: string;
  readonly json?: true;
  readonly logFormat?: string;
}

/** `sallyport dev`: plugins and a gateway before them, read anew as the code changes, until SIGTERM or SIGINT. */
export function devCommand(io: CommandIo): Command {
  return new Command('dev')
    .description(
      'run plugins and a gateway in one, read anew as their code changes, and print what they decide',
    )
    .option('--config <file>', 'the file of the plugin server (default: PLUGINS_CONFIG_PATH)')
    .option('--gateway <file>', 'a file with a gateway block: its upstreams, in place of a fake one')
    .option('--servers <file>', 'the mcpServers JSON of an editor: upstreams, in place of a fake one')
    .option('--port <n>', 'listen here; 0 takes any free port (default: 4444)', portNumber)
    .option('--run <command>', 'run this beside it, such as a compiler that watches; it ends with it')
    .option('--record <file>', 'append every call of a hook, to be replayed by sallyport/testing')
    .option('--json', 'print every call of a hook as a JSON object a line')
    .addOption(logFormatOption())
    .addHelpText('after', `\n${help}`)
    .action(async (flags: Flags) => dev(io, flags));
}

const help = `Payloads are printed, so it listens on the loopback interface alone. Client sessions stay while plugins change; a call in
flight ends with the code that it began with, and a version that cannot start leaves the one before in place. A line on
standard input calls a tool: its name, and its arguments as JSON.

Example:
  sallyport dev --config server.yaml
  echo {"message": "hello"}`;

/** Payloads are shown up to so many characters. */
const longest = 2_000;

async function dev(io: CommandIo, flags: Flags): Promise<void> {
  const path = flags.config ?? io.env['PLUGINS_CONFIG_PATH'];
  if (!path) throw ConfigPathMissing({});
  const record = flags.record && resolve(io.cwd, flags.record);
  if (record) append(record, '');
  const { startDev } = await import('../dev/index.js');
  const reader = { ...io, env: { LOG_LEVEL: 'WARN', LOG_FORMAT: 'pretty', ...io.env } };
  const log = loggerOf(reader, flags);
  const beside = flags.run === undefined ? undefined : runBeside(io, flags.run);
  const stopped = new Promise<void>((done) => onStopSignal(() => done()));
  let running: Dev;
  try {
    running = await startDev({
      path,
      gateway: flags.gateway,
      servers: flags.servers,
      port: flags.port,
      cwd: io.cwd,
      env: io.env as NodeJS.ProcessEnv,
      log,
      logFormat: logFormatOf(reader, flags),
      onExchange(exchange) {
        const line = `${JSON.stringify(exchange)}\n`;
        if (record) append(record, line);
        io.data(flags.json ? line : exchangeText(io, exchange));
      },
      onNews: (news) => io.err(newsText(io, news)),
    });
  } catch (error) {
    endBeside(beside);
    throw error;
  }
  const input = createInterface({ input: process.stdin });
  input.on('line', (line) => void callLine(io, running, line));
  await stopped;
  input.close();
  endBeside(beside);
  await running.close();
  process.exit(0);
}

function append(path: string, text: string): void {
  try {
    // They are other people's data.
    appendFileSync(path, text, { mode: 0o600 });
  } catch (error) {
    throw RecordNotWritten({ path, reason: fileReason(error) }, error);
  }
}

/** In a process group of its own, so that what it starts ends with it. */
function runBeside(io: CommandIo, command: string): ChildProcess {
  const child = spawn(command, {
    shell: true,
    cwd: io.cwd,
    env: io.env as NodeJS.ProcessEnv,
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  child.once('exit', (status) => io.err(`${paint(io, 'red', 'ended')}  ${command}  exit status ${status}\n`));
  return child;
}

function endBeside(child: ChildProcess | undefined): void {
  if (child?.pid === undefined || child.exitCode !== null) return;
  child.removeAllListeners('exit');
  try {
    process.kill(-child.pid, 'SIGTERM');
  } catch {
    // It has ended meanwhile.
  }
}

async function callLine(io: CommandIo, { client }: Dev, line: string): Promise<void> {
  const [, name, json] = /^\s*(\S+)\s*(.*)$/.exec(line) ?? [];
  if (name === undefined) return;
  if (client === undefined) {
    io.err('there is no gateway yet: the plugins could not be started\n');
    return;
  }
  try {
    const { callTool } = await import('../testing/gateway.js');
    const args = parseJson(json || '{}') as Record<string, unknown>;
    const { error, text, result } = await callTool(client.request, name, args);
    const shown = error ? paint(io, 'red', error.message) : (text ?? JSON.stringify(result));
    io.data(`${paint(io, 'bold', name)} → ${printable(shown)}\n`);
  } catch (error) {
    io.err(`${messageOf(error)}: a line is the name of a tool, and its arguments as JSON\n`);
  }
}

function exchangeText(io: CommandIo, { plugin, hook, payload, answer, error, ms }: Exchange): string {
  const { continue_processing, modified_payload, violation } = Object(answer) as {
    continue_processing?: boolean;
    modified_payload?: unknown;
    violation?: { code?: string; description?: string };
  };
  const changed = modified_payload !== null && modified_payload !== undefined;
  const blocked = continue_processing === false;
  const decision = error !== undefined ? 'failed' : blocked ? 'blocked' : changed ? 'changed' : 'passed';
  const style = { failed: 'red', blocked: 'yellow', changed: 'cyan', passed: 'green' } as const;
  const why = error ?? (blocked ? `${violation?.code}: ${violation?.description}` : undefined);
  const lines = [
    `${paint(io, style[decision], decision)}  ${hook}  ${plugin}  ${ms} ms${why === undefined ? '' : `  ${printable(why)}`}`,
    `  given   ${shortened(payload)}`,
    ...(changed && !blocked ? [`  made    ${shortened(modified_payload)}`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

function shortened(value: unknown): string {
  const text = printable(JSON.stringify(value));
  return text.length > longest ? `${text.slice(0, longest)}… (${text.length} characters)` : text;
}

function newsText(io: CommandIo, news: News): string {
  switch (news.kind) {
    case 'listening': {
      const example = news.tools.length > 0 ? ` (there are ${news.tools.join(', ')})` : '';
      return `listening on ${news.url}: point an MCP client at it, or call a tool by a line such as echo {"message": "hello"}${example}\n`;
    }
    case 'ready':
      return `${paint(io, 'green', 'in use')}  version ${news.version}: ${news.plugins.join(', ')}\n`;
    case 'broken': {
      const { code, message, remedy, place } = news.failure;
      const then = news.kept ? 'the version before goes on' : 'waiting for a change';
      const head = `${paint(io, 'red', 'error')} ${paint(io, 'bold', code)}: ${then}\n  ${printable(message)}`;
      return `${head}${place ? `\n  ${place}` : ''}\n  ${paint(io, 'cyan', '→')} ${remedy}\n`;
    }
    case 'stray':
      return `${paint(io, 'red', 'outside of a call')}  ${printable(news.text)}\n`;
  }
}
