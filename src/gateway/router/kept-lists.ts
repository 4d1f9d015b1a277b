import { createHash } from 'node:crypto';
import { writeJson } from '../../json/index.js';
import type { JsonObject } from '../../mcp/messages.js';
import { type ChangingList, type Kind, kindNames, kinds } from '../../mcp/methods.js';
import type { Era } from '../../mcp/revisions.js';
import type { Upstream } from '../upstream.js';
import { entryName } from './lists.js';

/** One page of a list, as its upstream gave it. */
export interface KeptPage {
  readonly era: Era;
  readonly result: JsonObject;
  /** Of its text: two that are alike have the same. */
  readonly digest: string;
  readonly chars: number;
  /** When it came, as `performance.now()` has it. */
  readonly at: number;
}

/** How many entries the lists of an upstream have; absent where nobody has read one. */
export type ListCounts = Readonly<Partial<Record<Kind, number>>>;

/** All names of a list, and when its first page came. */
interface KeptNames {
  readonly names: ReadonlySet<string>;
  readonly at: number;
}

/** One list of an upstream, as it was last given to those who share a session there. */
export class KeptList {
  readonly upstream: string;
  readonly kind: Kind;
  /** The upstream has said since that it has changed. */
  outdated = false;
  /** What reads all of it at the moment. */
  reading: Promise<ReadonlySet<string>> | undefined;
  /** What asks for its first page, and is not waited for. */
  asking: Promise<unknown> | undefined;
  readonly #pages = new Map<string | undefined, KeptPage>();
  #names: KeptNames | undefined;
  #entries: ReadonlyMap<string, readonly JsonObject[]> | undefined;

  constructor(upstream: string, kind: Kind) {
    this.upstream = upstream;
    this.kind = kind;
  }

  /** The page at this cursor, or the first. */
  page(cursor?: string): KeptPage | undefined {
    return this.#pages.get(cursor);
  }

  /** Keeps a page. With a first page that is another than before, a new list begins. */
  put(cursor: string | undefined, page: KeptPage): void {
    if (cursor === undefined) {
      if (this.#pages.get(undefined)?.digest !== page.digest) this.#pages.clear();
      this.outdated = false;
    }
    this.#pages.set(cursor, page);
    this.#names = undefined;
    this.#entries = undefined;
  }

  /** All entries of this name that are kept, in the order of the list. */
  entries(name: string): readonly JsonObject[] {
    if (this.#entries === undefined) {
      const entries = new Map<string, JsonObject[]>();
      for (const { result } of this.#pages.values()) {
        for (const entry of arrayIn(result, kinds[this.kind].entries)) {
          const key = entryName(this.kind, entry);
          if (key === undefined) continue;
          const alike = entries.get(key);
          if (alike) alike.push(entry as JsonObject);
          else entries.set(key, [entry as JsonObject]);
        }
      }
      this.#entries = entries;
    }
    return this.#entries.get(name) ?? none;
  }

  /** Undefined where a page is missing. */
  get names(): KeptNames | undefined {
    const first = this.#pages.get(undefined);
    if (first === undefined || this.#names !== undefined) return this.#names;
    const { entries } = kinds[this.kind];
    const names = new Set<string>();
    const seen = new Set<KeptPage>();
    for (let page: KeptPage | undefined = first; page !== undefined; ) {
      if (seen.has(page)) break;
      seen.add(page);
      for (const entry of arrayIn(page.result, entries)) {
        const name = entryName(this.kind, entry);
        if (name !== undefined) names.add(name);
      }
      const { nextCursor } = page.result;
      if (typeof nextCursor !== 'string') break;
      page = this.#pages.get(nextCursor);
      if (page === undefined) return undefined;
    }
    this.#names = { names, at: first.at };
    return this.#names;
  }

  get chars(): number {
    let chars = 0;
    for (const page of this.#pages.values()) chars += page.chars;
    return chars;
  }
}

const none: readonly JsonObject[] = [];

function arrayIn(result: JsonObject, key: string): readonly unknown[] {
  const value = result[key];
  return Array.isArray(value) ? value : [];
}

/** What is kept at most: those lists go that were asked for longest ago. */
const most = { lists: 4_000, chars: 64 * 1024 * 1024 } as const;

/**
 * The lists of upstreams as they were last given. They are kept by the key by which sessions are shared: nobody is shown what
 * somebody else was.
 */
export class KeptLists {
  readonly #lists = new Map<string, KeptList>();
  #chars = 0;

  of({ name }: Upstream, key: string, kind: Kind): KeptList {
    const id = idOf(name, key, kind);
    const list = this.#lists.get(id) ?? new KeptList(name, kind);
    // Maps keep the order of insertion: the one that is put in again is the youngest.
    this.#lists.delete(id);
    this.#lists.set(id, list);
    return list;
  }

  keep(list: KeptList, cursor: string | undefined, era: Era, result: JsonObject): void {
    const text = writeJson(result);
    const before = list.chars;
    const digest = createHash('sha256').update(text).digest('base64');
    list.put(cursor, { era, result, digest, chars: text.length, at: performance.now() });
    this.#chars += list.chars - before;
    for (const [id, oldest] of this.#lists) {
      if ((this.#lists.size <= most.lists && this.#chars <= most.chars) || oldest === list) break;
      this.#delete(id);
    }
  }

  /** How many entries the list of each kind has that was last asked for, by the names of the upstreams. */
  counts(): ReadonlyMap<string, ListCounts> {
    const counts = new Map<string, ListCounts>();
    for (const { upstream, kind, names } of this.#lists.values()) {
      if (names !== undefined) counts.set(upstream, { ...counts.get(upstream), [kind]: names.names.size });
    }
    return counts;
  }

  /** An upstream has said that a list has changed; templates change with the resources. */
  changed({ name }: Upstream, key: string, list: ChangingList): void {
    for (const kind of kindNames) {
      if (kind !== list && !(kind === 'templates' && list === 'resources')) continue;
      const kept = this.#lists.get(idOf(name, key, kind));
      if (kept) kept.outdated = true;
    }
  }

  /** Forgets what was kept by this key. */
  forget(upstream: string, key: string): void {
    for (const kind of kindNames) this.#delete(idOf(upstream, key, kind));
  }

  /** Forgets all of an upstream that is there no more, or is another now. */
  forgetUpstream(upstream: string): void {
    const beginning = `${JSON.stringify(upstream)} `;
    for (const id of [...this.#lists.keys()]) if (id.startsWith(beginning)) this.#delete(id);
  }

  #delete(id: string): void {
    this.#chars -= this.#lists.get(id)?.chars ?? 0;
    this.#lists.delete(id);
  }
}

const idOf = (upstream: string, key: string, kind: Kind) => `${JSON.stringify(upstream)} ${kind} ${key}`;
