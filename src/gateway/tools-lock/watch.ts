import type { ToolsLockSettings } from '../../config/index.js';
import { ToolWithheld } from '../../errors.js';
import type { Logger } from '../../log.js';
import type { JsonObject } from '../../mcp/messages.js';
import type { Kind } from '../../mcp/methods.js';
import { type LockKind, lockedEntry, lockWords, type ToolsLock, visible } from '../../policy/lock/index.js';
import { isOwnEntry } from '../upstream/index.js';

/** An entry that was listed, and is not the one that was locked. */
export interface Withheld {
  readonly upstream: string;
  readonly kind: LockKind;
  readonly name: string;
  readonly change: 'new' | 'changed';
}

/** An entry that differs, for people to read: what cannot be seen in its name is made visible. */
interface Differing extends Pick<Withheld, 'upstream' | 'change'> {
  readonly what: string;
  readonly name: string;
}

/** What a lock is watched with. */
export interface WatchDeps {
  readonly log: Logger;
  /** Hears of each change once. */
  readonly onChange?: (change: Withheld) => void;
  /** What was told before, by an earlier watch of the same gateway: it is not told again. */
  readonly told?: Set<string>;
}

/** Says of what upstreams list whether it is what was locked. */
export interface LockWatch {
  /** `locked`: it is. `withheld`: it is not, and is not there for clients. `open`: it is not, and they have it all the same. */
  state(kind: Kind, upstream: string, listed: JsonObject): 'locked' | 'open' | 'withheld';
  /** Whether clients are told these instructions of an upstream. */
  tells(upstream: string, instructions: string): boolean;
  /** Whether anything is withheld: what nobody can judge is not there then. */
  readonly strict: boolean;
  /** What was listed last and differs, as far as anybody has asked for it. */
  differing(): readonly Differing[];
  /** The options by which `sallyport tools` shows what differs. */
  readonly options: string;
}

/** Changes that are remembered: a server that makes up ever new ones fills neither the memory nor the log. */
const most = { told: 10_000, ofOne: 200 } as const;

export function watchTools(lock: ToolsLock, settings: ToolsLockSettings, deps: WatchDeps): LockWatch {
  return new Watch(lock, settings, deps);
}

class Watch implements LockWatch {
  readonly #lock: ToolsLock;
  readonly #settings: ToolsLockSettings;
  readonly #deps: WatchDeps;
  readonly #told: Set<string>;
  readonly #differing = new Map<string, Withheld>();
  readonly #toldOf = new Map<string, number>();
  /** An entry is judged once: it is the same object for as long as its list is kept. */
  readonly #judged = new WeakMap<JsonObject, 'locked' | 'open' | 'withheld'>();

  constructor(lock: ToolsLock, settings: ToolsLockSettings, deps: WatchDeps) {
    this.#lock = lock;
    this.#settings = settings;
    this.#deps = deps;
    this.#told = deps.told ?? new Set();
  }

  get strict(): boolean {
    return this.#settings.mode === 'withhold';
  }

  get options(): string {
    return this.#settings.options;
  }

  state(kind: Kind, upstream: string, listed: JsonObject): 'locked' | 'open' | 'withheld' {
    const known = this.#judged.get(listed);
    if (known !== undefined) return known;
    const state = this.#judge(kind, upstream, listed);
    this.#judged.set(listed, state);
    return state;
  }

  tells(upstream: string, instructions: string): boolean {
    return this.#differs('instructions', upstream, '', { text: instructions }) !== 'withheld';
  }

  differing(): readonly Differing[] {
    return [...this.#differing.values()].map(({ upstream, change, kind, name }) => {
      return { upstream, change, what: lockWords[kind].what, name: visible(name) };
    });
  }

  #judge(kind: Kind, upstream: string, listed: JsonObject): 'locked' | 'open' | 'withheld' {
    // The tool by which a user signs in is made here, and no upstream has a say in it.
    if (isOwnEntry(listed)) return 'locked';
    if (kind === 'resources' && !this.#settings.resources) return 'open';
    return this.#differs(kind, upstream, String(listed[lockWords[kind].key]), listed);
  }

  #differs(kind: LockKind, upstream: string, name: string, entry: JsonObject) {
    const { sha256 } = lockedEntry(kind, entry);
    const locked = this.#lock.get(upstream)?.get(kind)?.get(name);
    const key = JSON.stringify([upstream, kind, name]);
    if (locked?.sha256 === sha256) {
      this.#differing.delete(key);
      return 'locked';
    }
    const withheld = this.strict;
    const change = { upstream, kind, name, change: locked === undefined ? 'new' : 'changed' } as const;
    if (this.#differing.size < most.told) this.#differing.set(key, change);
    this.#tell(change, `${key} ${sha256}`, withheld);
    return withheld ? 'withheld' : 'open';
  }

  #tell(change: Withheld, key: string, withheld: boolean): void {
    const { upstream, kind, name } = change;
    const of = this.#toldOf.get(upstream) ?? 0;
    if (this.#told.has(key) || this.#told.size >= most.told || of >= most.ofOne) return;
    this.#told.add(key);
    this.#toldOf.set(upstream, of + 1);
    this.#deps.onChange?.(change);
    const { code, message, remedy } = ToolWithheld({
      what: lockWords[kind].what,
      name: visible(name),
      upstream,
      change: change.change === 'new' ? 'is not locked' : 'is not the one that was locked',
      withheld,
      options: this.#settings.options,
    });
    this.#deps.log.warn({ code, remedy, upstream }, message);
  }
}
