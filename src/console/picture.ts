import { type paint, printable } from '../terminal.js';
import type { ConsoleState, Decision, Level } from './facts.js';

type Style = Parameters<typeof paint>[1];

/** A line in pieces, each with its colour: cut to a width before it is painted. */
export type Line = readonly (readonly [text: string, style?: Style])[];

/** The lists of `sallyport top`, in their order. */
export const listNames = ['decisions', 'upstreams', 'plugins', 'clients', 'certificates', 'doctor'] as const;
export type ListName = (typeof listNames)[number];

const levelStyles: Record<Level, Style> = { ok: 'green', warning: 'yellow', error: 'red' };
const verdictStyles: Record<Decision['verdict'], Style> = {
  continue: 'green',
  modified: 'cyan',
  asked: 'cyan',
  approved: 'green',
  noted: 'yellow',
  blocked: 'red',
  failed: 'red',
  refused: 'red',
};
const levelOfState = (state: string): Level =>
  ['up', 'ready', 'disabled'].includes(state) ? 'ok' : state === 'connecting' ? 'warning' : 'error';

/** Seconds that the numbers at the top are of. */
const lastSeconds = 60;
const bars = '▁▂▃▄▅▆▇█';

/** What stands above the lists: where it is, what passes now, and the last hour. */
export function headOf(state: ConsoleState, width: number): readonly Line[] {
  const { version, address, workers, startedAt, at, traffic } = state;
  const up = spanOf(Date.parse(at) - Date.parse(startedAt));
  const several = workers > 1 ? `, ${workers} workers` : '';
  const count = Math.max(1, Math.round(lastSeconds / traffic.everySeconds));
  const last = (values: readonly number[]) => values.slice(-count).reduce((a, b) => a + b, 0);
  const seconds = Math.min(count, traffic.requests.length) * traffic.everySeconds;
  const ms = (values: readonly (number | null)[]) => {
    const found = values.slice(-count).filter((value) => value !== null);
    return found.length === 0 ? '-' : `${Math.max(...found)} ms`;
  };
  const [refused, failed] = [last(traffic.refused), last(traffic.failed)];
  const rate = (last(traffic.requests) / Math.max(seconds, 1)).toFixed(1);
  const numbers: Line = [
    [`${rate} requests/s`, 'bold'],
    [`   p50 ${ms(traffic.p50)}   p99 ${ms(traffic.p99)}   `],
    [`${refused} refused`, refused > 0 ? 'red' : 'dim'],
    ['   '],
    [`${failed} failed`, failed > 0 ? 'red' : 'dim'],
    ['   in the last minute', 'dim'],
  ];
  const plot = sparkline(traffic.requests, Math.min(width - 12, 120));
  return [
    [[`sallyport ${version}`, 'bold'], [`  ${address}${several}, up ${up}`]],
    numbers,
    ...(plot === ''
      ? []
      : [
          [
            [plot, 'cyan'],
            [' last hour', 'dim'],
          ] satisfies Line,
        ]),
  ];
}

/** The counts as a line of bars, the newest last; several of them in one bar where there are more than columns. */
export function sparkline(counts: readonly number[], columns: number): string {
  if (columns < 10 || counts.length === 0) return '';
  const each = Math.ceil(counts.length / columns);
  const sums: number[] = [];
  for (let end = counts.length; end > 0; end -= each)
    sums.unshift(counts.slice(Math.max(0, end - each), end).reduce((a, b) => a + b, 0));
  const most = Math.max(...sums, 1);
  return sums.map((sum) => bars[Math.ceil((sum / most) * (bars.length - 1))]).join('');
}

/** How many entries a list has, and how bad the worst of them is. */
export function tabOf(
  state: ConsoleState,
  name: ListName,
): { readonly count: number; readonly level: Level } {
  const worst = (levels: readonly Level[]): Level =>
    levels.includes('error') ? 'error' : levels.includes('warning') ? 'warning' : 'ok';
  const of = (levels: readonly Level[]) => ({ count: levels.length, level: worst(levels) });
  switch (name) {
    case 'upstreams':
    case 'plugins':
      return of(state[name].map((one) => levelOfState(one.state)));
    case 'certificates':
      return of(state.certificates.map(({ level }) => level));
    case 'doctor': {
      const bad = state.doctor.findings.map(({ level }) => level).filter((level) => level !== 'ok');
      return of(bad);
    }
    default:
      return { count: state[name].length, level: 'ok' };
  }
}

/** The lines of one list: its head, and its entries as far as they have `filter` in them. What is to be done stands below an entry. */
export function listOf(
  state: ConsoleState,
  name: ListName,
  filter = '',
): { head: Line; rows: readonly Line[] } {
  const { head, entries } = tables[name](state);
  const wanted = filter.toLowerCase();
  const shown = entries.filter(({ cells, below = [] }) =>
    [...cells, ...below].join(' ').toLowerCase().includes(wanted),
  );
  const widths = head.map((title, i) =>
    Math.min(40, Math.max(title.length, ...shown.map(({ cells }) => (cells[i] ?? '').length))),
  );
  const rows = shown.flatMap(({ cells, level, style = levelStyles[level ?? 'ok'], below = [] }): Line[] => [
    cells.map((cell, i): Line[number] => {
      const text = i === cells.length - 1 ? cell : cell.slice(0, widths[i]).padEnd((widths[i] ?? 0) + 2);
      return i === 0 ? [text, style] : [text];
    }),
    ...below.map((text): Line => [[`    ${text}`, 'dim']]),
  ]);
  return { head: [[head.map((title, i) => title.padEnd((widths[i] ?? 0) + 2)).join(''), 'dim']], rows };
}

interface Entry {
  readonly cells: readonly string[];
  readonly level?: Level;
  readonly style?: Style;
  readonly below?: readonly string[];
}

interface Table {
  readonly head: readonly string[];
  readonly entries: readonly Entry[];
}

const given = (...texts: readonly (string | undefined)[]) =>
  texts.filter((text) => text !== undefined).map(oneLine);
const next = (remedy: string | undefined) => remedy && `→ ${remedy}`;

const tables: Record<ListName, (state: ConsoleState) => Table> = {
  decisions: ({ decisions }) => ({
    head: ['verdict', 'time', 'plugin', 'hook', 'user', 'client', 'what', 'reason', 'ms', 'trace'],
    entries: decisions.toReversed().map((one) => ({
      cells: cellsOf(
        one.verdict,
        clockOf(one.at),
        one.plugin || 'the gateway',
        one.hook,
        one.user ?? '-',
        one.client ?? '-',
        `${one.method}${one.target === undefined ? '' : ` ${one.target}`}`,
        one.reason ?? '',
        one.tookMs?.toString() ?? '',
        one.traceId ?? '',
      ),
      style: verdictStyles[one.verdict],
    })),
  }),
  upstreams: ({ upstreams }) => ({
    head: ['state', 'upstream', 'transport', 'tools', 'prompts', 'resources', 'calls', 'failed', 'running'],
    entries: upstreams.map((one) => ({
      cells: cellsOf(
        one.state,
        one.name,
        one.transport,
        ...[one.tools, one.prompts, one.resources, one.calls, one.failed, one.inFlight].map(String),
      ),
      level: levelOfState(one.state),
      below: given(one.error, next(one.remedy)),
    })),
  }),
  plugins: ({ plugins }) => ({
    head: ['state', 'plugin', 'mode', 'calls', 'blocked', 'failed', 'hooks'],
    entries: plugins.map((one) => ({
      cells: cellsOf(
        one.state,
        one.name,
        one.mode,
        ...[one.calls, one.blocked, one.failed].map(String),
        one.hooks.join(' '),
      ),
      level: levelOfState(one.state),
      below: given(one.error, next(one.remedy)),
    })),
  }),
  clients: ({ clients }) => ({
    head: ['client', 'user', 'version', 'era', 'sessions', 'requests', 'last'],
    entries: clients.map((one) => ({
      cells: cellsOf(
        one.name,
        one.user ?? '-',
        one.version ?? '-',
        one.era,
        ...[one.sessions, one.requests].map(String),
        clockOf(one.lastAt),
      ),
      style: 'bold' as const,
    })),
  }),
  certificates: ({ certificates, at }) => ({
    head: ['verdict', 'left', 'role', 'life', 'file'],
    entries: certificates.map((one) => ({
      cells: cellsOf(one.verdict, daysLeft(one.notAfter, at), one.role, lifeBar(one, at), one.path),
      level: one.level,
      below: given(next(one.remedy)),
    })),
  }),
  doctor: ({ doctor }) => ({
    head: [
      doctor.running
        ? 'it looks …'
        : doctor.at === null
          ? 'it has not looked yet'
          : `at ${clockOf(doctor.at)}`,
    ],
    entries: doctor.findings.map((one) => ({
      cells: cellsOf(one.level, one.title),
      level: one.level,
      below: one.level === 'ok' ? [] : given(one.detail, next(one.remedy)),
    })),
  }),
};

const cellsOf = (...cells: readonly string[]): readonly string[] => cells.map(oneLine);

/** Clients and servers choose what they are called. */
function oneLine(text: string): string {
  return printable(text.replaceAll('\n', ' '));
}

const dayMs = 86_400_000;

function daysLeft(notAfter: string, at: string): string {
  const days = Math.floor((Date.parse(notAfter) - Date.parse(at)) / dayMs);
  return Number.isNaN(days) ? '-' : `${days} d`;
}

/** How much of its life is over. */
function lifeBar({ notBefore, notAfter }: ConsoleState['certificates'][number], at: string): string {
  const [from, to, now] = [notBefore, notAfter, at].map((time) => Date.parse(time)) as [
    number,
    number,
    number,
  ];
  const over = (now - from) / (to - from);
  if (Number.isNaN(over)) return '';
  const full = Math.round(Math.min(Math.max(over, 0), 1) * 10);
  return `${'█'.repeat(full)}${'░'.repeat(10 - full)}`;
}

function clockOf(time: string): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? '-' : date.toTimeString().slice(0, 8);
}

function spanOf(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return `${Math.max(0, Math.floor(ms / 1000))} s`;
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} d`;
}
