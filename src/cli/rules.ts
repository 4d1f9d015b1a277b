import { Command } from 'commander';
import { loadConfig } from '../config/index.js';
import { ConfigNoUpstreams, messageOf, placeText, UsageError } from '../errors.js';
import type { TestResult, Tried } from '../gateway/index.js';
import { isJsonObject, parseJson } from '../json/index.js';
import type { RuleRequest } from '../policy/index.js';
import { paint } from '../terminal.js';
import { type CommandIo, columns, commandWithSubcommands, printable } from './io.js';
import { callerOf } from './rules-caller.js';

interface Flags {
  readonly config?: string;
  readonly as?: readonly string[];
  readonly call?: string;
  readonly args?: string;
  readonly listed?: true;
  readonly annotations?: string;
  readonly locked?: true;
  readonly upstream?: string;
  readonly server?: string;
  readonly json?: true;
  readonly verbose?: true;
}

/** `sallyport rules`: what `gateway.rules` decides. */
export function rulesCommand(io: CommandIo): Command {
  const several = (value: string, before: readonly string[] = []) => [...before, value];
  const command = commandWithSubcommands('rules', ['test --config FILE'])
    .description('say what the rules of a gateway decide, and by which line')
    .addHelpText('after', `\n${help}`);
  command.addCommand(
    new Command('test')
      .description('try the rules on one request, or without --call on the rule_tests of the file')
      .option('--config <file>', 'the file of the gateway (default: PLUGINS_CONFIG_PATH)')
      .option(
        '--as <who>',
        'who asks: user=ada,tenant=research,group=ops,client=NAME,method=jwt,claims.x=JSON; may be repeated',
        several,
      )
      .option('--call <what>', 'what is used: tool=NAME, prompt=NAME or resource=URI')
      .option('--args <json>', 'the arguments; absent: none')
      .option('--listed', 'whether it is in a list, where nobody knows the arguments')
      .option('--annotations <json>', 'what the tool says of itself; no upstream is asked')
      .option('--locked', 'take the annotations for those of a locked tool')
      .option('--upstream <name>', 'where it is, where its name does not say so')
      .option('--server <name>', 'the virtual server that the client came to')
      .option('--json', 'print JSON')
      .option('--verbose', 'print what each rule said that was evaluated')
      .addHelpText('after', `\n${help}`)
      .action(async (flags: Flags) => test(io, flags)),
  );
  return command;
}

const help = `It connects to nothing, and does not know what upstreams list.

Exit status: 0 it is allowed, or every test passes; 1 it is denied, or somebody has to approve it, or a test fails;
2 wrong use; 3 the file cannot be used.

Example:
  sallyport rules test --config gateway.yaml --as user=ada,group=ops \\
    --call tool=files__write_file --args '{"path": "/etc/passwd"}'`;

const usage = 'sallyport rules test --help';

async function test(io: CommandIo, flags: Flags): Promise<void> {
  const path = flags.config || io.env['PLUGINS_CONFIG_PATH'];
  if (!path)
    throw UsageError({ message: 'no file was named', usage: 'sallyport rules test --config FILE …' });
  const request = flags.call === undefined ? undefined : requestOf(flags, flags.call);
  if (request === undefined) refuseWithoutCall(flags);
  const { gateway } = await loadConfig({ path, cwd: io.cwd, env: io.env, side: 'gateway' });
  if (gateway === undefined) throw ConfigNoUpstreams({ path });
  const { RuleTrial } = await import('../gateway/index.js');
  const trial = await RuleTrial.of(gateway);
  if (request === undefined) {
    const results = trial.tests();
    if (results.length === 0)
      throw UsageError({ message: `${path} has no gateway.rule_tests, and --call is not given`, usage });
    io.out(
      flags.json ? `${JSON.stringify(results.map(testJson), null, 2)}\n` : testsText(io, results, flags),
    );
    if (results.some(({ problem }) => problem !== undefined)) io.exitWith(1);
    return;
  }
  const tried = trial.try(request);
  if ('problem' in tried) throw UsageError({ message: tried.problem, usage });
  io.out(
    flags.json ? `${JSON.stringify(triedJson(tried), null, 2)}\n` : `${lines(io, tried, flags).join('\n')}\n`,
  );
  if (tried.verdict.kind !== 'allow') io.exitWith(1);
}

function requestOf(flags: Flags, call: string): RuleRequest {
  const [, what, name] = /^(tool|prompt|resource)=(.+)$/s.exec(call) ?? [];
  if (what === undefined || name === undefined)
    throw UsageError({ message: `--call '${call}' names nothing`, usage: '--call tool=NAME' });
  if (flags.listed && flags.args !== undefined)
    throw UsageError({ message: 'in a list nobody knows --args: leave out --listed', usage });
  if (flags.locked && flags.annotations === undefined)
    throw UsageError({ message: '--locked is about --annotations', usage });
  const { upstream, server } = flags;
  return {
    ...callerOf(flags.as ?? []),
    [what]: name,
    ...(upstream !== undefined && { upstream }),
    ...(server !== undefined && { server }),
    ...(flags.annotations !== undefined && { annotations: objectOf('--annotations', flags.annotations) }),
    locked: flags.locked ?? false,
    ...(!flags.listed && { args: flags.args === undefined ? {} : objectOf('--args', flags.args) }),
  };
}

/** The tests of the file say themselves who asks for what. */
function refuseWithoutCall(flags: Flags): void {
  const names = ['as', 'args', 'listed', 'annotations', 'locked', 'upstream', 'server'] as const;
  const given = names.find((name) => flags[name] !== undefined);
  if (given === undefined) return;
  throw UsageError({ message: `--${given} is about a --call, and none is given`, usage });
}

function objectOf(option: string, text: string): Readonly<Record<string, unknown>> {
  const example = `${option} '{"path": "/data/a"}'`;
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    throw UsageError({ message: `${option} is not JSON: ${messageOf(error)}`, usage: example });
  }
  if (isJsonObject(value)) return value;
  throw UsageError({ message: `${option} is not a JSON object`, usage: example });
}

const colors = { allow: 'green', ask: 'yellow', deny: 'red' } as const;

function lines(io: CommandIo, tried: Tried, { verbose }: Flags, indent = ''): string[] {
  const { verdict, at, note, upstream, name } = tried;
  const reason = verdict.kind === 'allow' ? undefined : verdict.reason;
  const why = [reason, note].filter((one) => one !== undefined && one !== '').join('; ');
  const by = at ? `by ${placeText(at)}` : 'by no rule';
  const where =
    name === undefined ? '' : `${indent}       ${name} of the upstream ${upstream || '(not named)'}`;
  const said = tried.outcomes.map(({ rule, said, problem }) => [
    `${indent}       ${placeText(rule.at)}`,
    rule.effect,
    problem === undefined ? said : `${said}: ${problem}`,
  ]);
  return [
    `${indent}${paint(io, colors[verdict.kind], verdict.kind.padEnd(5))}  ${printable(why === '' ? by : `${by}: ${why}`)}`,
    ...(where === '' ? [] : [printable(where)]),
    ...(verbose ? columns(said).map(printable) : []),
  ];
}

function testsText(io: CommandIo, results: readonly TestResult[], flags: Flags): string {
  const failed = results.filter(({ problem }) => problem !== undefined).length;
  const said = results.flatMap(({ test, tried, problem }) => [
    problem === undefined
      ? `${paint(io, 'green', 'passed')} ${printable(placeText(test.at))}  ${test.expect}`
      : `${paint(io, 'red', 'failed')} ${printable(`${placeText(test.at)}  ${problem}`)}`,
    ...(flags.verbose && tried ? lines(io, tried, flags, '       ') : []),
  ]);
  const passed = results.length - failed;
  return `${[...said, paint(io, 'bold', `${passed} passed, ${failed} failed`)].join('\n')}\n`;
}

function triedJson({ verdict, at, note, upstream, name, publicName, outcomes }: Tried) {
  return {
    decision: verdict.kind,
    ...(at && { rule: at }),
    ...(verdict.kind !== 'allow' && verdict.reason && { reason: verdict.reason }),
    ...(note !== undefined && { note }),
    upstream,
    ...(name !== undefined && { name, public_name: publicName }),
    rules: outcomes.map(({ rule, said, problem }) => ({
      rule: rule.at,
      effect: rule.effect,
      said,
      ...(problem !== undefined && { problem }),
    })),
  };
}

const testJson = ({ test, tried, problem }: TestResult) => ({
  test: test.at,
  expect: test.expect,
  passed: problem === undefined,
  ...(problem !== undefined && { problem }),
  ...(tried && triedJson(tried)),
});
