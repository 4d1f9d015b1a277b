import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { ConfigSide } from '../config/index.js';
import type { Diagnosis, Result, Status } from '../doctor/index.js';
import { NothingToDiagnose, UsageError } from '../errors.js';
import { silentLogger } from '../log.js';
import { type CommandIo, columns, paint, printable } from './io.js';

interface DoctorOptions {
  readonly config?: readonly string[];
  readonly side?: ConfigSide;
  readonly dir?: readonly string[];
  readonly cert?: string;
  readonly key?: string;
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
      'plugin files of either side, folders of certificates, and URLs (https://host:8000)',
    )
    .option('--config <file>', 'a plugin file, as a target; may be repeated', several)
    .addOption(
      new Option('--side <side>', 'whose plugin file it is, where that is not plain').choices([
        'gateway',
        'server',
      ]),
    )
    .option('--dir <dir>', 'a folder of certificates, as a target; may be repeated', several)
    .option('--cert <file>', 'client certificate to show to the servers of URLs')
    .option('--key <file>', 'its key')
    .option('--ca <file>', 'CA bundle to verify the servers of URLs by')
    .option('--timeout <s>', 'seconds for each single probe', seconds, 5)
    .option('--json', 'print one JSON object with every check')
    .option('--verbose', 'print the checks that had nothing to look at, too')
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
  const { cert, key, ca, side, timeout } = options;
  const given = [...words, ...(options.config ?? []), ...(options.dir ?? [])];
  const usage = 'sallyport doctor --help';
  if ((cert === undefined) !== (key === undefined))
    throw UsageError({ message: '--cert and --key go together', usage });
  for (const target of given)
    if (/^(https?:|[a-z][\w+.-]*:\/\/)/i.test(target) && !(/^https?:/i.test(target) && URL.canParse(target)))
      throw UsageError({ message: `${target} is not an http or https URL`, usage });
  const targets = [...new Set(given.length > 0 ? given : usualTargets(io))];
  const { diagnose, examine } = await import('../doctor/index.js');
  const { createCredentialStore } = await import('../tls/index.js');
  const at = (path: string | undefined) => (path === undefined ? undefined : resolve(io.cwd, path));
  const facts = await examine(
    {
      targets,
      side,
      ...((cert ?? ca) !== undefined && {
        credentials: { certfile: at(cert), keyfile: at(key), caBundle: at(ca) },
      }),
    },
    {
      cwd: io.cwd,
      env: io.env,
      now: () => new Date(),
      timeoutMs: timeout * 1000,
      credentials: createCredentialStore({ log: silentLogger }),
    },
  );
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

function print(io: CommandIo, { results, counts, causes }: Diagnosis, verbose: boolean): void {
  const shown = results.filter(({ status }) => verbose || status !== 'skipped');
  const rows = columns(shown.map(cells)).map(printable);
  let group: string | undefined;
  for (const [i, result] of shown.entries()) {
    if (result.group !== group)
      io.out(`${group === undefined ? '' : '\n'}${paint(io, 'bold', result.group)}\n`);
    group = result.group;
    const row = rows[i] ?? '';
    const status = row.slice(0, 7);
    io.out(`  ${paint(io, styles[result.status], status)}${row.slice(7).trimEnd()}\n`);
    detail(io, result);
  }
  io.out(`\n${summary(io, counts, causes)}\n`);
}

/** What is well fits on a line; what is not is told below it. */
const cells = ({ status, id, looked_at, seen, cause }: Result): readonly string[] => [
  status.padEnd(7),
  id,
  looked_at,
  cause === undefined ? printable(seen).replaceAll('\n', ' ') : '',
];

const indent = ' '.repeat(11);

function detail(io: CommandIo, { seen, cause, remedy, code, follows }: Result): void {
  const block = (text: string) => printable(text).replaceAll('\n', `\n${indent}  `);
  if (cause === undefined) return;
  if (seen !== cause) io.out(`${indent}seen: ${block(seen)}\n`);
  // The problems of a file are a list, each with a code of its own.
  const coded = /\[SALLY_\w+\]$/.test(cause) ? cause : `${cause} [${code}]`;
  io.out(`${indent}${block(coded)}\n`);
  if (follows !== undefined) io.out(`${indent}${paint(io, 'dim', `follows from ${follows}`)}\n`);
  else io.out(`${indent}${paint(io, 'cyan', '→')} ${block(remedy ?? '')}\n`);
}

function summary(io: CommandIo, counts: Diagnosis['counts'], causes: Diagnosis['causes']): string {
  const [first] = causes;
  const numbers = `${counts.ok} ok, ${counts.warn} warned of, ${counts.fail} failed`;
  if (counts.fail === 0) return `${paint(io, 'green', 'all is well')}: ${numbers}`;
  const number = causes.length === 1 ? 'one cause' : `${causes.length} causes`;
  const then = first
    ? `; first: ${printable(first.id)} → ${printable(first.remedy ?? '').split('\n')[0]}`
    : '';
  return `${paint(io, 'red', `${number} to mend`)}: ${numbers}${then}`;
}
