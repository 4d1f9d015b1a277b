import { isJsonObject, writeJson } from '../../json/index.js';
import { type LockedEntry, type LockKind, lockKinds, lockWords, type Offered } from './entry.js';
import type { ToolsLock } from './file.js';

/** `gone`: it is locked, and not offered. */
export type ChangeKind = 'new' | 'changed' | 'gone';

/** One entry that is not as it was locked. */
export interface Change {
  readonly change: ChangeKind;
  readonly upstream: string;
  readonly kind: LockKind;
  /** As the upstream has it; '' for its instructions. */
  readonly name: string;
  readonly before?: LockedEntry;
  readonly after?: LockedEntry;
}

/** What tells a change from every other, with what comes of it: two with the same key lead to the same lock. */
export function changeKey({ upstream, kind, name, before, after }: Change): string {
  return JSON.stringify([upstream, kind, name, before?.sha256 ?? '', after?.sha256 ?? '']);
}

/**
 * What differs between the lock and what is offered, sorted. Of an upstream that is not in `offered` nothing is known, and
 * nothing is said; one that is `removed` from the configuration is gone.
 */
export function changesBetween(
  lock: ToolsLock,
  offered: ToolsLock,
  removed: readonly string[] = [],
): readonly Change[] {
  const upstreams = [...offered.keys(), ...removed].sort();
  return upstreams.flatMap((upstream) =>
    changesOf(upstream, lock.get(upstream) ?? new Map(), offered.get(upstream) ?? new Map()),
  );
}

function changesOf(upstream: string, locked: Offered, offered: Offered): readonly Change[] {
  return lockKinds.flatMap((kind) => {
    const [before, after] = [locked.get(kind), offered.get(kind)];
    const names = [...new Set([...(before?.keys() ?? []), ...(after?.keys() ?? [])])].sort();
    return names.flatMap((name): Change[] => {
      const [was, is] = [before?.get(name), after?.get(name)];
      if (was?.sha256 === is?.sha256) return [];
      const change = was === undefined ? 'new' : is === undefined ? 'gone' : 'changed';
      return [{ change, upstream, kind, name, ...(was && { before: was }), ...(is && { after: is }) }];
    });
  });
}

/** One member of an entry that differs: where it is, and its lines before and after. */
export interface FieldChange {
  readonly path: string;
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/** What of an entry differs, member by member: texts by their lines, those alone that differ. All of one that is new or gone. */
export function fieldChanges({ kind, before, after }: Change): readonly FieldChange[] {
  const [was, is] = [leaves(before?.entry), leaves(after?.entry)];
  return [...new Set([...was.keys(), ...is.keys()])].sort().flatMap((path): FieldChange[] => {
    if (path === lockWords[kind].key) return [];
    const [a, b] = [was.get(path) ?? [], is.get(path) ?? []];
    if (a.length === b.length && a.every((line, i) => line === b[i])) return [];
    return [{ path, ...changedLines(a, b) }];
  });
}

/** The members of an entry by their paths, as lines. */
function leaves(entry: unknown): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  const walk = (value: unknown, path: string) => {
    const members = Array.isArray(value)
      ? value.map((item, i): [string, unknown] => [`${path}[${i}]`, item])
      : isJsonObject(value)
        ? Object.entries(value).map(([key, item]): [string, unknown] => [pathOf(path, key), item])
        : [];
    for (const [at, item] of members) walk(item, at);
    if (members.length === 0)
      found.set(path, typeof value === 'string' ? value.split('\n') : [writeJson(value)]);
    // A text and a number that is written in the same way are two things.
    if (typeof value === 'string' && /^(?:[-\d[{]|true$|false$|null$)/.test(value))
      found.set(path, JSON.stringify(value).split('\n'));
  };
  if (entry !== undefined) walk(entry, '');
  return found;
}

const pathOf = (path: string, key: string): string => {
  if (!/^[\w$-]+$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === '' ? key : `${path}.${key}`;
};

/** More lines than these are not compared one by one. */
const mostLines = 500;

/** The lines of both that the other has not, in their order: what is between a common beginning and end, without what both have. */
function changedLines(a: readonly string[], b: readonly string[]): Omit<FieldChange, 'path'> {
  if (a.length * b.length === 0 || a.length > mostLines || b.length > mostLines)
    return { before: a, after: b };
  // The longest common subsequence, from the end: lengths[i][j] is that of a from i and b from j.
  const lengths = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  const at = (i: number, j: number) => lengths[i]?.[j] ?? 0;
  for (let i = a.length - 1; i >= 0; i -= 1)
    for (let j = b.length - 1; j >= 0; j -= 1)
      (lengths[i] as Uint16Array)[j] =
        a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  const before: string[] = [];
  const after: string[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) [i, j] = [i + 1, j + 1];
    else if (j >= b.length || (i < a.length && at(i + 1, j) >= at(i, j + 1))) before.push(a[i++] ?? '');
    else after.push(b[j++] ?? '');
  }
  return { before, after };
}
