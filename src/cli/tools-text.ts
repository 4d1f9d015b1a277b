import type { SallyError } from '../errors.js';
import {
  type Change,
  type Finding,
  fieldChanges,
  inspect,
  type LockKind,
  lockKinds,
  lockWords,
  type Offered,
  replaceHidden,
  type ToolsLock,
  visible,
} from '../policy/lock/index.js';
import { paint, printable, wrappedRemedy } from '../terminal.js';
import type { CommandIo } from './io.js';

/** What a command of `sallyport tools` works with. */
export interface Read {
  /** Of the lock. */
  readonly path: string;
  /** The same as its reader knows it. */
  readonly shownPath: string;
  /** Of the upstreams that could be read. */
  readonly offered: ToolsLock;
  /** All that are configured. */
  readonly upstreams: readonly string[];
  /** Those that could not be read. */
  readonly away: ReadonlySet<string>;
  readonly problems: readonly SallyError[];
  readonly remarks: readonly string[];
  /** By which this command found what it read. */
  readonly options: string;
  /** Whether resources are locked. */
  readonly resources: boolean;
  /** Whether the configuration names a lock. */
  readonly configured: boolean;
}

/** What an upstream or a file says, on one line: what is hidden in it is shown, and none of it is obeyed by a terminal. */
const line = (text: string): string => printable(visible(text)).replaceAll('\n', ' ');

const titleOf = ({ upstream, kind, name }: Pick<Change, 'upstream' | 'kind' | 'name'>): string =>
  kind === 'instructions'
    ? `${upstream}  instructions`
    : `${upstream}  ${lockWords[kind].what} ${line(name)}`;

/** What is to be read of an entry. The names of tools that other upstreams have are those that it should not speak of. */
function findingsIn(
  entry: unknown,
  upstream: string,
  { offered }: Pick<Read, 'offered'>,
): readonly Finding[] {
  const others = [...offered].flatMap(([name, kinds]) =>
    name === upstream ? [] : [...(kinds.get('tools')?.keys() ?? [])],
  );
  return inspect(entry, others);
}

function findingsText(io: CommandIo, findings: readonly Finding[]): string[] {
  return findings.map(
    ({ where, what, text }) =>
      `  ${paint(io, 'yellow', '!')} ${line(where)} ${paint(io, 'bold', what)}: ${line(text)}`,
  );
}

const marks = { new: 'green', changed: 'yellow', gone: 'red' } as const;

/** The changes, member by member, each with what is to be read in it. */
export function changesText(
  io: CommandIo,
  read: Read,
  changes: readonly Change[],
  done: 'shown' | 'not kept' | 'accepted',
  left = 0,
): string {
  const lines = changes.flatMap((change) => [
    `${paint(io, marks[change.change], change.change.padEnd(7))}  ${paint(io, 'bold', titleOf(change))}`,
    ...(done === 'accepted' || change.change === 'gone' ? [] : membersText(io, change)),
    ...(change.after ? findingsText(io, findingsIn(change.after.entry, change.upstream, read)) : []),
  ]);
  const count = changes.length;
  const entries = `${count} ${count === 1 ? 'entry' : 'entries'}`;
  const remarks = read.remarks.map((remark) => `${paint(io, 'yellow', 'note')}     ${line(remark)}`);
  const command = `sallyport tools accept${read.options ? ` ${read.options}` : ''}`;
  const ends = {
    shown:
      count === 0
        ? `nothing differs from ${read.shownPath}`
        : `${entries} not as in ${read.shownPath}\n  ${paint(io, 'cyan', '→')} read them, then: ${command}`,
    'not kept': `${entries} not as in ${read.shownPath}, whose folder cannot be written: nothing can be accepted here`,
    accepted: `${entries} accepted in ${read.shownPath}${left > 0 ? `; ${left} still not as in it` : ''}`,
  };
  return `${[...lines, ...remarks, ends[done]].join('\n')}\n`;
}

function membersText(io: CommandIo, change: Change): string[] {
  return fieldChanges(change).flatMap(({ path, before, after }) => [
    `  ${line(path)}`,
    ...before.map((text) => `    ${paint(io, 'red', `- ${line(text)}`)}`),
    ...after.map((text) => `    ${paint(io, 'green', `+ ${line(text)}`)}`),
  ]);
}

const plural: Readonly<Record<LockKind, string>> = {
  instructions: 'instructions',
  tools: 'tools',
  prompts: 'prompts',
  templates: 'resource templates',
  resources: 'resources',
};

function countsOf(offered: Offered): string {
  const counts = lockKinds.flatMap((kind) => {
    const size = offered.get(kind)?.size ?? 0;
    if (size === 0) return [];
    return kind === 'instructions'
      ? ['instructions']
      : [`${size} ${size === 1 ? lockWords[kind].what : plural[kind]}`];
  });
  return counts.join(', ') || 'nothing';
}

/** What was locked, and what is to be read in it. */
export function lockedText(io: CommandIo, read: Read, locked: ToolsLock): string {
  const width = Math.max(...[...locked.keys()].map((name) => name.length), 0);
  const lines = [...locked].map(([name, offered]) => `  ${name.padEnd(width)}  ${countsOf(offered)}`);
  const findings = [...locked].flatMap(([upstream, offered]) =>
    [...offered].flatMap(([kind, entries]) =>
      [...entries].flatMap(([name, { entry }]) => {
        const found = findingsIn(entry, upstream, read);
        return found.length === 0
          ? []
          : [paint(io, 'bold', titleOf({ upstream, kind, name })), ...findingsText(io, found)];
      }),
    ),
  );
  const remarks = read.remarks.map((remark) => `${paint(io, 'yellow', 'note')}  ${line(remark)}`);
  return [
    `${read.shownPath} has what ${locked.size === 1 ? 'this upstream offers' : 'these upstreams offer'} now:`,
    ...lines,
    ...remarks,
    ...(findings.length > 0
      ? ['Read these: a model is shown them, and they may be written for it.', ...findings]
      : []),
    ...(read.configured
      ? []
      : [`The gateway holds to it with gateway.tools_lock, or gateway --tools-lock ${read.shownPath}.`]),
    '',
  ].join('\n');
}

/** What could not be read, and what to do. */
export function problemsText({ stderr: screen }: CommandIo, { problems }: Read): string {
  return problems
    .map(
      ({ code, message, remedy }) =>
        `${paint(screen, 'red', 'error')} ${paint(screen, 'bold', code)}\n  ${line(message)}\n  ${paint(screen, 'cyan', '→')} ${wrappedRemedy(remedy, screen, 4)}\n`,
    )
    .join('');
}

export function problemsJson({ problems, remarks, offered, upstreams }: Read) {
  return {
    upstreams,
    problems: problems.map(({ code, message, remedy }) => ({ code, message, remedy })),
    remarks,
    findings: [...offered].flatMap(([upstream, kinds]) =>
      [...kinds].flatMap(([kind, entries]) =>
        [...entries].flatMap(([name, { entry }]) =>
          findingsIn(entry, upstream, { offered }).map((finding) => ({ upstream, kind, name, ...finding })),
        ),
      ),
    ),
  };
}

export function changesJson(read: Read, changes: readonly Change[]) {
  const { upstreams, problems, remarks } = problemsJson({ ...read, offered: new Map() });
  return {
    lock: read.path,
    upstreams,
    problems,
    remarks,
    changes: changes.map((change) => ({
      ...change,
      members: fieldChanges(change),
      findings: change.after ? findingsIn(change.after.entry, change.upstream, read) : [],
    })),
  };
}

/** JSON in which nothing is hidden: what no screen shows is escaped. */
export function jsonText(value: unknown): string {
  const escaped = (run: string) =>
    Array.from(
      { length: run.length },
      (_, i) => `\\u${run.charCodeAt(i).toString(16).padStart(4, '0')}`,
    ).join('');
  return `${replaceHidden(JSON.stringify(value, null, 2), escaped)}\n`;
}
