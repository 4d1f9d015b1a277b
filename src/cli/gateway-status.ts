import type { PartStatus } from '../gateway/index.js';
import { paint, type Screen, wrapped, wrappedRemedy } from '../terminal.js';

const kinds = ['plugin', 'upstream'] as const;
/** What a state is worth to a reader. */
const verdicts = {
  ready: 'ok',
  up: 'ok',
  disabled: 'off',
  connecting: 'waits',
  down: 'down',
  unreachable: 'down',
  away: 'down',
} as const satisfies Record<PartStatus['state'], string>;
const styles = { ok: 'green', off: 'dim', waits: 'yellow', down: 'red' } as const;
const verdictWidth = 9;

type Verdict = keyof typeof styles;
interface Row {
  readonly verdict: Verdict;
  /** `plugin NAME`, or `plugins`. */
  readonly name: string;
  readonly text: string;
  readonly remedy?: string | undefined;
}

/**
 * How the parts of a gateway are: a line for all plugins and one for all upstreams, each of them where `verbose`; last,
 * what is not there, why, and what to do.
 */
export function statusText(screen: Screen, parts: readonly PartStatus[], verbose: boolean): string {
  const missing = (part: PartStatus) => ['down', 'waits'].includes(verdicts[part.state]);
  const rows = [
    ...(verbose
      ? parts.filter((part) => !missing(part)).map(rowOf)
      : kinds.flatMap((kind) => groupOf(kind, parts))),
    ...parts.filter(missing).map(rowOf),
  ];
  const widest = Math.max(...rows.map(({ name }) => name.length));
  const indent = Math.min(verdictWidth + widest + 2, Math.floor(screen.width / 2));
  return rows.map((row) => rowText(screen, row, indent)).join('');
}

function rowOf(part: PartStatus): Row {
  const verdict = verdicts[part.state];
  const settings = part.part === 'plugin' ? [part.mode, ...part.hooks].join(' ') : (part.revision ?? '');
  const reason = part.reason === undefined ? part.state : `${part.state}: ${part.reason}`;
  const text = verdict === 'ok' ? settings : reason;
  return { verdict, name: `${part.part} ${part.name}`, text, remedy: part.remedy };
}

/** All plugins, or all upstreams, in one line. */
function groupOf(kind: (typeof kinds)[number], parts: readonly PartStatus[]): readonly Row[] {
  const within = parts.filter(({ part }) => part === kind);
  if (within.length === 0) return [];
  const word = kind === 'plugin' ? 'ready' : 'up';
  const there = within.filter(({ state }) => state === word).length;
  const off = within.filter(({ state }) => state === 'disabled').length;
  const of = there + off < within.length ? ` of ${within.length}` : '';
  const text = `${there}${of} ${word}${off > 0 ? `, ${off} disabled` : ''}`;
  const down = within.some(({ state }) => verdicts[state] === 'down');
  return [{ verdict: of === '' ? 'ok' : down ? 'down' : 'waits', name: `${kind}s`, text }];
}

function rowText(screen: Screen, { verdict, name, text, remedy }: Row, indent: number): string {
  const start = `\n${' '.repeat(indent)}`;
  const label = paint(screen, styles[verdict], verdict.padEnd(verdictWidth));
  // A name that is too wide for its column has a line of its own.
  const beside = verdictWidth + name.length + 2 <= indent;
  const head = `${label}${beside ? name.padEnd(indent - verdictWidth) : `${name}${start}`}`;
  const next = remedy && `${start}${paint(screen, 'cyan', '→')} ${wrappedRemedy(remedy, screen, indent + 2)}`;
  return `${head}${wrapped(text, screen.width, indent)}${next ?? ''}\n`;
}
