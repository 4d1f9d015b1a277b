import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { ConfigSide } from '../config/index.js';
import type { Diagnosis, DoctorContext, Result, Status } from '../doctor/index.js';
import { NothingToDiagnose, UsageError } from '../errors.js';
import { silentLogger } from '../log.js';
import { paint, progressOn, wrapped, wrappedRemedy } from '../terminal.js';
import { type CommandIo, printable } from './io.js';

interface DoctorOptions {
  readonly config?: readonly string[];
  readonly side?: ConfigSide;
  readonly dir?: readonly string[];
  readonly servers?: readonly string[];
  readonly cert?: string;
  readonly key?: string;
  readonly pfx?: string;
  readonly passwordFile?: string;
  readonly ca?: string;
  readonly timeout: number;
  readonly json?: true;
  readonly verbose?: true;
}

/** `sallyport doctor`: what is wrong, and what to do about it. */
export function doctorCommand(io: CommandIo): Command {
  const several = (value: string, before: readonly string[] = []) => [...before, value];
  return new Command('doctor')
    .description('say what is wrong with files and servers, and what to do')
    .argument(
      '[target...]',
      'plugin files of either side, lists of servers as editors keep them, folders of certificates, Unix domain sockets (unix:/run/plugins.sock), and URLs (https://host:8000)',
    )
    .option('--config <file>', 'a plugin file, as a target; may be repeated', several)
    .option('--servers <file>', 'the mcpServers JSON of an editor, as a target; may be repeated', several)
    .addOption(
      new Option('--side <side>', 'whose plugin file it is, where that is not plain').choices([
        'gateway',
        'server',
      ]),
    )
    .option('--dir <dir>', 'a folder of certificates, as a target; may be repeated', several)
    .option('--cert <file>', 'client certificate to show to the servers of URLs')
    .option('--key <file>', 'its key')
    .option('--pfx <file>', 'the two in one file of PKCS #12')
    .option('--password-file <file>', 'a file whose first line is the password of --key or --pfx')
    .option('--ca <file>', 'CA bundle to verify the servers of URLs by')
    .option('--timeout <s>', 'seconds for each single probe', seconds, 5)
    .option('--json', 'print one JSON object with every check')
    .option('--verbose', 'print every check with what it saw, those that had nothing to look at too')
    .addHelpText('after', `\n${help}`)
    .action(async (targets: string[], options: DoctorOptions) => doctor(io, targets, options));
}

const help = `Without a target: PLUGINS_CONFIG_PATH, else the plugin files and certificates in their usual places.
Nothing is changed, and no secret is printed. A target that is named for both sides of a connection (the gateway's file
and the server's) is held against the other.

Exit status: 0 all is well, warnings allowed; 1 something fails; 2 wrong use; 3 a target is not there.

Example:
  sallyport doctor plugins/external/config-client.yaml plugins/test.mtls.yaml certs/mcp
  sallyport doctor https://localhost:8000 --cert certs/mcp/gateway/client.crt \\
    --key certs/mcp/gateway/client.key --ca certs/mcp/gateway/ca.crt`;

function seconds(value: string): number {
  const number = Number(value);
  if (/^\d+(\.\d+)?$/.test(value) && number > 0 && number <= 300) return number;
  throw new InvalidArgumentError('it must be a number of seconds up to 300.');
}

const usualFiles = [
  'plugins/external/config-client.yaml',
  'plugins/external/config.yaml',
  'plugins/test.mtls.yaml',
  'plugins/test.yaml',
  'plugins/config.yaml',
];
const usualFolder = 'certs/mcp';

function usualTargets(io: CommandIo): readonly string[] {
  const there = (path: string) => existsSync(resolve(io.cwd, path));
  const named = io.env['PLUGINS_CONFIG_PATH'];
  const targets = [
    ...(named ? [named] : usualFiles.filter(there)),
    ...(there(usualFolder) ? [usualFolder] : []),
  ];
  if (targets.length === 0) throw NothingToDiagnose({});
  return targets;
}

async function doctor(io: CommandIo, words: readonly string[], options: DoctorOptions): Promise<void> {
  const { cert, key, pfx, passwordFile, ca, side, timeout } = options;
  const given = [...words, ...(options.config ?? []), ...(options.dir ?? [])];
  const usage = 'sallyport doctor --help';
  if ((cert === undefined) !== (key === undefined))
    throw UsageError({ message: '--cert and --key go together', usage });
  if (cert !== undefined && pfx !== undefined)
    throw UsageError({ message: '--pfx has what --cert and --key have: give one of them', usage });
  if (passwordFile !== undefined && (key ?? pfx) === undefined)
    throw UsageError({ message: '--password-file is for --key or --pfx', usage });
  for (const target of given)
    if (
      /^(https?:|(?!unix:)[a-z][\w+.-]*:\/\/)/i.test(target) &&
      !(/^https?:/i.test(target) && URL.canParse(target))
    )
      throw UsageError({ message: `${target} is not an http or https URL, and no unix: socket`, usage });
  const { servers = [] } = options;
  const targets = [...new Set(given.length + servers.length > 0 ? given : usualTargets(io))];
  const { diagnose, examine } = await import('../doctor/index.js');
  const { createCredentialStore } = await import('../tls/index.js');
  const gateway: DoctorContext['gateway'] = async (config, how) =>
    config.gateway && (await import('../gateway/index.js')).lookAtGateway(config, how);
  const ruleTests: DoctorContext['ruleTests'] = async (config) =>
    config.gateway && (await import('../gateway/index.js')).runRuleTests(config.gateway);
  const at = (path: string | undefined) => (path === undefined ? undefined : resolve(io.cwd, path));
  // As a gateway on a terminal does, where there is somebody to ask.
  const ask: DoctorContext['ask'] = async (input) =>
    io.interactive && process.stdin.isTTY && !options.json
      ? (await import('./ask.js')).askOnTerminal(input)
      : undefined;
  const progress = progressOn(io.stderr, io.err);
  const looking = examine(
    {
      targets,
      servers,
      side,
      ...((cert ?? pfx ?? ca) !== undefined && {
        credentials: {
          certfile: at(cert),
          keyfile: at(key),
          pfx: at(pfx),
          keyfilePasswordFile: at(passwordFile),
          caBundle: at(ca),
        },
      }),
    },
    {
      cwd: io.cwd,
      env: io.env,
      now: () => new Date(),
      timeoutMs: timeout * 1000,
      credentials: createCredentialStore({ log: silentLogger }),
      gateway,
      ruleTests,
      ask,
      onLook: (what, done, wanted) =>
        progress.show(`looking at ${what}${wanted > 0 ? `: ${done} of ${wanted}` : ''}`),
    },
  );
  const facts = await looking.finally(progress.clear);
  const diagnosis = diagnose(facts);
  if (options.json) io.out(`${JSON.stringify(jsonOf(diagnosis), null, 2)}\n`);
  else print(io, diagnosis, options.verbose === true);
  io.exitWith(diagnosis.counts.fail > 0 ? 1 : 0);
}

function jsonOf({ results, counts, causes }: Diagnosis): object {
  return {
    verdict: counts.fail > 0 ? 'fail' : counts.warn > 0 ? 'warn' : 'ok',
    counts,
    causes: causes.map(({ id }) => id),
    checks: results,
  };
}

const styles = { ok: 'green', warn: 'yellow', fail: 'red', skipped: 'dim' } as const satisfies Record<
  Status,
  string
>;

/** What failed and its remedy stand first and last; a group in which all is well is one line, unless all is to be seen. */
function print(io: CommandIo, { results, counts, causes }: Diagnosis, verbose: boolean): void {
  const folder = commonFolder(results);
  const short = (text: string) => printable(folder === '' ? text : text.replaceAll(`${folder}/`, ''));
  const say = (line: string) => io.out(`${line}\n`);
  if (folder !== '') say(wrapped(`paths are below ${folder}`, io.width));
  for (const cause of causes) say(blockOf(io, cause, short));
  if (folder !== '' || causes.length > 0) say('');
  const shown = results.filter(({ status }) => verbose || status !== 'skipped');
  const widest = Math.max(...shown.map(({ id, group }) => (verbose ? id : group).length));
  for (const group of new Set(shown.map((result) => result.group))) {
    const within = shown.filter((result) => result.group === group);
    const of = (...statuses: Status[]) => within.filter(({ status }) => statuses.includes(status));
    if (verbose) {
      say(paint(io, 'bold', group));
      for (const { status, id, looked_at, seen } of within)
        say(rowOf(io, status, id.padEnd(widest), short(`${looked_at}: ${seen}`).replaceAll('\n', ' ')));
    } else {
      const worst = of('fail')[0] ?? of('warn')[0] ?? within[0];
      say(rowOf(io, worst?.status ?? 'ok', group.padEnd(widest), counted(within)));
    }
    for (const result of of('fail', 'warn'))
      if (!causes.includes(result)) say(blockOf(io, result, short, ' '.repeat(statusWidth)));
  }
  say('');
  for (const line of summary(io, counts, causes)) say(wrappedRemedy(line, io, 2));
}

/** How many checks came to what; of what is well, all together. */
function counted(results: readonly Result[]): string {
  const count = (status: Status) => results.filter((result) => result.status === status).length;
  const [failed, warned] = [count('fail'), count('warn')];
  if (failed + warned === 0) return results.length === 1 ? '1 check' : `${results.length} checks`;
  const parts = [
    failed && `${failed} failed`,
    warned && `${warned} warned of`,
    count('ok') && `${count('ok')} ok`,
  ];
  return parts.filter(Boolean).join(', ');
}

const statusWidth = 9;

function rowOf(io: CommandIo, status: Status, name: string, text: string): string {
  const indent = statusWidth + name.length + 2;
  // Too narrow for two columns: the text begins below.
  const narrow = io.width - indent < 20;
  const rest = narrow ? wrapped(text, io.width, statusWidth) : wrapped(text, io.width, indent);
  const label = paint(io, styles[status], status.padEnd(statusWidth));
  return `${label}${name}${narrow ? `\n${' '.repeat(statusWidth)}` : '  '}${rest}`.trimEnd();
}

/** One thing that is not as it should be: what, why, and what to do. */
function blockOf(io: CommandIo, result: Result, short: (text: string) => string, before = ''): string {
  const { status, id, looked_at, seen, cause = seen, remedy = '', code, follows } = result;
  const indent = before.length + statusWidth;
  const below = (text: string, more = 0) => `${' '.repeat(indent)}${wrapped(text, io.width, indent + more)}`;
  // The problems of a file are a list, each with a code of its own.
  const coded = /\[SALLY_\w+\]$/.test(cause) ? cause : `${cause} [${code}]`;
  return [
    `${before}${paint(io, styles[status], status.padEnd(statusWidth))}${wrapped(short(`${id}  ${looked_at}`), io.width, indent)}`,
    // A file's verdict and what follows it are the sentence of the cause, in other words.
    ...(cause.endsWith(seen.replace(/^[^:]*: /, '')) ? [] : [below(short(`seen: ${seen}`))]),
    below(short(coded)),
    follows === undefined
      ? `${' '.repeat(indent)}${paint(io, 'cyan', '→')} ${wrappedRemedy(printable(remedy), io, indent + 2)}`
      : below(`follows from ${follows}`),
  ].join('\n');
}

/** The folder that all paths of the results have in common; empty where it would shorten none. */
function commonFolder(results: readonly Result[]): string {
  const text = results.map(({ looked_at, seen, cause = '' }) => `${looked_at}\n${seen}\n${cause}`).join('\n');
  const paths = [...new Set(text.match(/(?<![\w:/.~])(?:\/[\w.@+-]+){2,}/g) ?? [])];
  const [first = '', ...others] = paths.map((path) => path.split('/').slice(0, -1));
  if (others.length === 0) return '';
  const differs = [...first].findIndex((part, i) => others.some((other) => other[i] !== part));
  const common = (differs === -1 ? [...first] : first.slice(0, differs)) as string[];
  return common.length > 2 ? common.join('/') : '';
}

function summary(io: CommandIo, counts: Diagnosis['counts'], causes: Diagnosis['causes']): string[] {
  const numbers = `${counts.ok} ok, ${counts.warn} warned of, ${counts.fail} failed`;
  if (counts.fail === 0)
    return [
      `${counts.warn === 0 ? paint(io, 'green', 'all is well') : paint(io, 'yellow', 'nothing fails')}: ${numbers}`,
    ];
  const number = causes.length === 1 ? 'one cause' : `${causes.length} causes`;
  const [first] = causes;
  return [
    `${paint(io, 'red', `${number} to mend`)}: ${numbers}`,
    ...(first ? [printable(`first: ${first.id} → ${first.remedy ?? ''}`)] : []),
  ];
}
