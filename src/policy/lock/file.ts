import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { ToolsLockEdited, ToolsLockInvalid } from '../../errors.js';
import { isJsonObject, maxDepth, parseExactJson } from '../../json/index.js';
import { digestOf, type LockedEntry, type LockKind, lockKinds, lockWords, type Offered } from './entry.js';
import { yamlMap, yamlValue } from './yaml-text.js';

/** What the upstreams of a gateway may show its clients, by their names. */
export type ToolsLock = ReadonlyMap<string, Offered>;

const version = 1;
const header = `# What the upstreams of a gateway may show its clients: each entry of their lists, whole, as a person has read it.
# sallyport tools diff says what differs now, and sallyport tools accept takes what was read.
# sha256 is that of the entry below it: a file in which they disagree is refused.
tools_lock: ${version}
`;
/** Deeper than an entry: a map of upstreams, of kinds, of names, and the entry in it. */
const deepest = maxDepth + 8;

/** The text of a lock file. The same lock has the same text: everything in it is sorted. */
export function writeToolsLock(lock: ToolsLock): string {
  const upstreams = sortedBy(lock).map(([name, offered]): [string, unknown] => [name, offered]);
  if (upstreams.length === 0) return `${header}upstreams: {}\n`;
  const kindsOf = (offered: unknown, indent: number) => {
    const kinds = lockKinds.flatMap((kind): [string, unknown][] => {
      const entries = (offered as Offered).get(kind);
      return entries === undefined || entries.size === 0 ? [] : [[kind, { kind, entries }]];
    });
    return kinds.length === 0 ? ' {}\n' : `\n${yamlMap(kinds, indent, entriesOf)}`;
  };
  return `${header}upstreams:\n${yamlMap(upstreams, 2, kindsOf)}`;
}

interface OfKind {
  readonly kind: LockKind;
  readonly entries: ReadonlyMap<string, LockedEntry>;
}

function entriesOf(value: unknown, indent: number): string {
  const { kind, entries } = value as OfKind;
  if (kind === 'instructions') return entryText([...entries.values()][0], kind, indent);
  return `\n${yamlMap(sortedBy(entries), indent, (entry, at) => entryText(entry as LockedEntry, kind, at))}`;
}

/** The name of an entry is its key in the file, and not repeated. */
function entryText(locked: LockedEntry | undefined, kind: LockKind, indent: number): string {
  const { key } = lockWords[kind];
  const { [key ?? '']: _, ...entry } = locked?.entry ?? {};
  const start = ' '.repeat(indent);
  return `\n${start}sha256: "${locked?.sha256}"\n${start}entry:${yamlValue(entry, indent + 2)}`;
}

const sortedBy = <V>(map: ReadonlyMap<string, V>): [string, V][] =>
  [...map].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));

/**
 * Reads the text of a lock file; `path` is for errors.
 *
 * @throws SALLY_TOOLS_LOCK_FILE where it is no lock file, and SALLY_TOOLS_LOCK_EDITED where an entry is not the one that its
 *   hash is of.
 */
export function parseToolsLock(text: string, path: string): ToolsLock {
  return new Reader(text, path).lock();
}

class Reader {
  readonly #text: string;
  readonly #path: string;
  readonly #lines = new LineCounter();

  constructor(text: string, path: string) {
    this.#text = text;
    this.#path = path;
  }

  lock(): ToolsLock {
    const options = { schema: 'failsafe', lineCounter: this.#lines, prettyErrors: false } as const;
    const document = parseDocument(this.#text, options);
    const [error] = document.errors;
    if (error) throw this.#invalid(error.pos[0], error.message);
    const { contents } = document;
    if (!isMap(contents)) throw this.#invalid(0, 'it is not a map');
    const file = this.#value(contents, 0);
    if (!isJsonObject(file) || file['tools_lock'] === undefined)
      throw this.#invalid(0, 'it does not begin with tools_lock');
    if (file['tools_lock'] !== version)
      throw this.#invalid(
        0,
        `it is of version ${String(file['tools_lock'])}, and this program knows version ${version}`,
      );
    this.#only(file, ['tools_lock', 'upstreams'], 'the file');
    return new Map(
      Object.entries(this.#object(file['upstreams'], 'upstreams')).map(([upstream, kinds]) => [
        upstream,
        this.#offered(upstream, this.#object(kinds, upstream)),
      ]),
    );
  }

  #offered(upstream: string, kinds: Record<string, unknown>): Offered {
    this.#only(kinds, lockKinds, upstream);
    return new Map(
      lockKinds.flatMap((kind): [LockKind, ReadonlyMap<string, LockedEntry>][] => {
        if (kinds[kind] === undefined) return [];
        const given = this.#object(kinds[kind], `${kind} of ${upstream}`);
        const named = kind === 'instructions' ? { '': given } : given;
        return [
          [
            kind,
            new Map(
              Object.entries(named).map(([name, entry]) => [name, this.#entry(upstream, kind, name, entry)]),
            ),
          ],
        ];
      }),
    );
  }

  #entry(upstream: string, kind: LockKind, name: string, value: unknown): LockedEntry {
    const { what, key } = lockWords[kind];
    const of = `${what} ${name} of ${upstream}`.replace('  ', ' ');
    const fields = this.#object(value, of);
    this.#only(fields, ['sha256', 'entry'], of);
    const { sha256 } = fields;
    const given = this.#object(fields['entry'], of);
    const entry = key === undefined ? given : { ...given, [key]: name };
    if (typeof sha256 !== 'string' || sha256 !== digestOf(entry))
      throw ToolsLockEdited({ path: this.#path, upstream, what, name });
    return { sha256, entry };
  }

  #object(value: unknown, what: string): Record<string, unknown> {
    if (isJsonObject(value)) return value;
    throw this.#invalid(undefined, `${what} is not a map`);
  }

  #only(fields: Record<string, unknown>, known: readonly string[], what: string): void {
    const other = Object.keys(fields).find((key) => !known.includes(key));
    if (other !== undefined)
      throw this.#invalid(undefined, `${what} has '${other}', which is nothing of a lock`);
  }

  #value(node: unknown, depth: number): unknown {
    const at = (node as Node | null)?.range?.[0];
    if (depth > deepest) throw this.#invalid(at, `it is nested deeper than ${deepest} levels`);
    if (isMap(node))
      return Object.fromEntries(
        node.items.map(({ key, value }) => {
          const name = isScalar(key) && typeof key.value === 'string' ? key.value : undefined;
          if (name === undefined) throw this.#invalid(at, 'a key is not a text');
          return [name, this.#value(value, depth + 1)];
        }),
      );
    if (isSeq(node)) return node.items.map((item) => this.#value(item, depth + 1));
    if (isAlias(node) || !isScalar(node)) throw this.#invalid(at, 'it has what no lock has');
    if (node.anchor !== undefined || node.tag !== undefined)
      throw this.#invalid(at, 'it has an anchor or a tag');
    if (node.type !== 'PLAIN') return node.value;
    const source = String(node.source ?? '');
    try {
      const value = parseExactJson(source);
      if (typeof value !== 'object' || value === null || value instanceof Number) return value;
    } catch {
      // Said below.
    }
    throw this.#invalid(at, `'${source.slice(0, 60)}' is neither quoted nor a number, true, false or null`);
  }

  #invalid(offset: number | undefined, reason: string) {
    const line = offset === undefined ? undefined : this.#lines.linePos(offset).line;
    return ToolsLockInvalid({ path: this.#path, line, reason: reason.replace(/\s*\n.*/s, '') });
  }
}
