import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { type GatewayConfig, loadGatewayConfig, type ServerInput } from '../config/index.js';
import {
  ConfigNoUpstreams,
  shellWord,
  ToolsLockMissing,
  ToolsLockThere,
  ToolsNoChange,
  ToolsNotShown,
  UsageError,
} from '../errors.js';
import { nearest } from '../nearest.js';
import {
  type Change,
  changeKey,
  changesBetween,
  type Offered,
  type ToolsLock,
} from '../policy/lock/index.js';
import { type CommandIo, commandWithSubcommands } from './io.js';
import { loggerOf, logWarnings } from './runtime.js';
import {
  changesJson,
  changesText,
  jsonText,
  lockedText,
  problemsJson,
  problemsText,
  type Read,
} from './tools-text.js';

/** The room is loaded by the actions: `--help` has no use for it. */
const room = () => import('../gateway/tools-lock/index.js');

interface Flags {
  readonly config?: string;
  readonly servers?: string;
  readonly toolsLock?: string;
  readonly token?: ReadonlyMap<string, string>;
  readonly timeout: number;
  readonly json?: true;
  readonly replace?: true;
}

/** `sallyport tools`: the lock that `gateway.tools_lock` names. */
export function toolsCommand(io: CommandIo): Command {
  const command = commandWithSubcommands('tools', ['lock', 'diff', 'accept [NAME…]'])
    .description('lock what upstreams offer, show what differs from that, and accept it')
    .addHelpText('after', `\n${help}`);
  const sub = (name: string, summary: string, example: string) => {
    const made = new Command(name)
      .description(summary)
      .option('--config <file>', 'a plugin file with a gateway block (default: PLUGINS_CONFIG_PATH)')
      .option('--servers <file>', 'the mcpServers JSON of a desktop client or an editor: more upstreams')
      .option(
        '--tools-lock <file>',
        'the lock (default: that of gateway.tools_lock, or tools.lock beside the configuration)',
      )
      .option(
        '--token <upstream=variable>',
        'for an upstream that each user has a token of their own for: the variable that has such a token',
        tokenVariable,
      )
      .option('--timeout <seconds>', 'what reading one upstream may take', seconds, 60)
      .option('--json', 'print JSON')
      .addHelpText('after', `\nExample:\n  ${example}`);
    command.addCommand(made);
    return made;
  };
  sub(
    'lock',
    'write what the upstreams offer now; of a lock that is there, only upstreams that it does not have',
    'sallyport tools lock --config gateway.yaml',
  )
    .option('--replace', 'write everything anew, whatever the lock had')
    .action(async (flags: Flags) => lock(io, flags));
  sub(
    'diff',
    'show what is offered and not as it was locked: exit status 1 where something differs',
    'sallyport tools diff --config gateway.yaml',
  ).action(async (flags: Flags) => diff(io, flags));
  sub(
    'accept',
    'lock what diff has shown: all of it, or what is named',
    'sallyport tools accept --config gateway.yaml files/read_file',
  )
    .argument('[name...]', 'an upstream, an entry, or UPSTREAM/NAME; UPSTREAM/instructions (default: all)')
    .action(async (names: string[], flags: Flags) => accept(io, names, flags));
  return command;
}

const help = `Example:
  sallyport tools lock --config gateway.yaml     then, in gateway.yaml: gateway: {tools_lock: tools.lock}
  sallyport tools diff --config gateway.yaml
  sallyport tools accept --config gateway.yaml`;

function tokenVariable(
  text: string,
  before: ReadonlyMap<string, string> = new Map(),
): ReadonlyMap<string, string> {
  const at = text.lastIndexOf('=');
  if (at < 1 || !/^[A-Za-z_]\w*$/.test(text.slice(at + 1)))
    throw new InvalidArgumentError('it must be UPSTREAM=VARIABLE: a token itself would be seen by others.');
  return new Map([...before, [text.slice(0, at), text.slice(at + 1)]]);
}

function seconds(text: string): number {
  const value = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && value > 0 && value <= 3600) return value;
  throw new InvalidArgumentError('it must be a number above 0, up to 3600.');
}

async function lock(io: CommandIo, flags: Flags): Promise<void> {
  const read = await readAll(io, flags);
  const { changeToolsLock } = await room();
  let written: ToolsLock = new Map();
  let differing: readonly string[] = [];
  await changeToolsLock(read.path, (before) => {
    if (before !== undefined && !flags.replace)
      differing = [...new Set(changesOf(before, read).map(({ upstream }) => upstream))].filter((name) =>
        before.has(name),
      );
    const kept = flags.replace
      ? [...(before ?? [])].filter(([name]) => read.away.has(name))
      : [...(before ?? [])];
    const added = [...read.offered].filter(([name]) => flags.replace || before?.has(name) !== true);
    written = new Map([...kept, ...added]);
    return written;
  });
  const locked = new Map([...written].filter(([name]) => read.offered.has(name)));
  if (flags.json) io.out(jsonText({ lock: read.path, ...problemsJson(read), differing }));
  else io.out(lockedText(io, read, locked));
  finish(io, read, flags, 0);
  if (differing.length > 0) throw ToolsLockThere({ path: read.shownPath, upstreams: differing });
}

async function diff(io: CommandIo, flags: Flags): Promise<void> {
  const read = await readAll(io, flags);
  const { keepShown, readToolsLock } = await room();
  const changes = changesOf(await readToolsLock(read.path), read);
  const kept = await keepShown(read.path, changes.map(changeKey));
  if (flags.json) io.out(jsonText(changesJson(read, changes)));
  else io.out(changesText(io, read, changes, kept ? 'shown' : 'not kept'));
  finish(io, read, flags, changes.length > 0 ? 1 : 0);
}

async function accept(io: CommandIo, names: readonly string[], flags: Flags): Promise<void> {
  const read = await readAll(io, flags);
  const { changeToolsLock, keepShown, readShown } = await room();
  const shown = await readShown(read.path);
  let accepted: readonly Change[] = [];
  let left: readonly Change[] = [];
  await changeToolsLock(read.path, (before) => {
    if (before === undefined) throw ToolsLockMissing({ path: read.path });
    const changes = changesOf(before, read);
    accepted = chosen(changes, names);
    const unseen = accepted.filter((change) => !shown.has(changeKey(change)));
    if (unseen.length > 0)
      throw ToolsNotShown({
        names: unseen.map(({ upstream, name }) => `${upstream}/${name || 'instructions'}`),
      });
    left = changes.filter((change) => !accepted.includes(change));
    return withChanges(before, accepted, read.upstreams);
  });
  await keepShown(
    read.path,
    left.map(changeKey).filter((key) => shown.has(key)),
  );
  if (flags.json) io.out(jsonText({ ...changesJson(read, accepted), left: left.length }));
  else io.out(changesText(io, read, accepted, 'accepted', left.length));
  finish(io, read, flags, 0);
}

/** Reads the configuration, and what its upstreams offer. */
async function readAll(io: CommandIo, flags: Flags): Promise<Read> {
  const config = flags.config || io.env['PLUGINS_CONFIG_PATH'];
  const { servers, toolsLock } = flags;
  if (!config && !servers) throw ConfigNoUpstreams({});
  const answers = new Map<string, string | undefined>();
  const ask = async (input: ServerInput) => {
    if (!io.interactive || !process.stdin.isTTY) return undefined;
    if (!answers.has(input.id)) answers.set(input.id, await (await import('./ask.js')).askOnTerminal(input));
    return answers.get(input.id);
  };
  const loaded = await loadGatewayConfig({
    config,
    servers,
    toolsLock,
    ask,
    cwd: io.cwd,
    env: io.env,
    home: io.env['HOME'],
  });
  logWarnings(loaded, loggerOf(io, { quiet: true }));
  const { gateway } = loaded;
  const path = gateway.toolsLock?.file ?? join(config ? loaded.folder : io.cwd, 'tools.lock');
  const { readOffered } = await room();
  const looks = await readOffered(gateway, {
    timeoutMs: flags.timeout * 1000,
    tokens: tokensOf(io, loaded, flags),
  });
  const resources = gateway.toolsLock?.resources !== false;
  const lockable = (offered: Offered): Offered =>
    new Map([...offered].filter(([kind]) => resources || kind !== 'resources'));
  const offered = new Map(
    looks.flatMap(({ upstream, offered: all }): [string, Offered][] =>
      all ? [[upstream, lockable(all)]] : [],
    ),
  );
  const options = Object.entries({ config: flags.config, servers, 'tools-lock': toolsLock })
    .flatMap(([name, value]) => (value ? [`--${name} ${shellWord(value)}`] : []))
    .join(' ');
  return {
    path,
    shownPath: path.startsWith(`${io.cwd}/`) ? path.slice(io.cwd.length + 1) : path,
    offered,
    upstreams: looks.map(({ upstream }) => upstream),
    away: new Set(looks.flatMap(({ upstream, problem }) => (problem ? [upstream] : []))),
    problems: looks.flatMap(({ problem }) => problem ?? []),
    remarks: looks.flatMap(({ upstream, remarks }) => remarks.map((remark) => `${upstream}: ${remark}`)),
    options,
    resources,
    configured: gateway.toolsLock !== undefined,
  };
}

function tokensOf(
  io: CommandIo,
  { gateway }: GatewayConfig,
  { token = new Map() }: Flags,
): ReadonlyMap<string, string> {
  return new Map(
    [...token].map(([upstream, variable]) => {
      const usage = 'sallyport tools lock --token UPSTREAM=VARIABLE';
      if (!gateway.upstreams.some(({ name }) => name === upstream))
        throw UsageError({ message: `--token names '${upstream}', which is no upstream`, usage });
      const value = io.env[variable];
      if (!value) throw UsageError({ message: `the variable ${variable} is not set`, usage });
      return [upstream, value];
    }),
  );
}

/** What differs from a lock, with the upstreams that are in no configuration any more. */
function changesOf(lock: ToolsLock, { offered, upstreams, resources }: Read): readonly Change[] {
  const removed = [...lock.keys()].filter((name) => !upstreams.includes(name));
  return changesBetween(lock, offered, removed).filter(({ kind }) => resources || kind !== 'resources');
}

/** The changes that these names stand for; all of them for none. */
function chosen(changes: readonly Change[], names: readonly string[]): readonly Change[] {
  if (names.length === 0) return changes;
  const words = ({ upstream, kind, name }: Change) => {
    const own = kind === 'instructions' ? 'instructions' : name;
    return [upstream, own, `${upstream}/${own}`, `${upstream}__${own}`];
  };
  const known = [...new Set(changes.flatMap(words))];
  for (const name of names)
    if (!known.includes(name)) throw ToolsNoChange({ name, meant: nearest(name, known) });
  return changes.filter((change) => words(change).some((word) => names.includes(word)));
}

/** The lock with these changes in it; without upstreams that nobody has any more. */
function withChanges(lock: ToolsLock, changes: readonly Change[], upstreams: readonly string[]): ToolsLock {
  const next = new Map(lock);
  for (const { upstream, kind, name, after } of changes) {
    const kinds = new Map(next.get(upstream));
    const entries = new Map(kinds.get(kind));
    if (after) entries.set(name, after);
    else entries.delete(name);
    next.set(upstream, kinds.set(kind, entries));
  }
  const isLeft = ([name, kinds]: [string, Offered]) =>
    upstreams.includes(name) || [...kinds.values()].some(({ size }) => size > 0);
  return new Map([...next].filter(isLeft));
}

/** Says what could not be read, and sets the exit status: 1 where something differs, 3 where something is not known. */
function finish(io: CommandIo, read: Read, { json }: Flags, status: 0 | 1): void {
  if (!json) io.err(problemsText(io, read));
  if (status !== 0) io.exitWith(status);
  else if (read.problems.length > 0) io.exitWith(3);
}
