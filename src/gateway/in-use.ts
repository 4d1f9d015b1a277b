import type { UpstreamSettings } from '../config/index.js';
import type { PluginManager } from '../manager/index.js';
import type { Upstream } from './upstream.js';

/** The plugins of one plugin file, and how many requests are with them. */
export interface PluginSet {
  readonly plugins: PluginManager;
  /** Keeps the set open until the disposer that it returns is called. */
  hold(): () => void;
}

/** The plugins in use. A reload puts others in their place; those from before are closed after what is with them. */
export interface PluginSets {
  readonly current: PluginSet;
  /** The old set is closed when nobody is with it any more, or after `withinMs`; what it returns resolves then. */
  replace(next: PluginManager, withinMs: number): Promise<void>;
  /** Closes whatever is still open. */
  close(): Promise<void>;
}

/** Holds the plugins that a gateway starts with. */
export function createPluginSets(first: PluginManager): PluginSets {
  const open = new Set<InUse>();
  const sets = {
    current: new InUse(first, open),
    replace(next: PluginManager, withinMs: number) {
      const old = sets.current;
      sets.current = new InUse(next, open);
      return old.retire(withinMs);
    },
    close: async () => {
      await Promise.all([...open].map((set) => set.close()));
    },
  };
  return sets;
}

class InUse implements PluginSet {
  readonly plugins: PluginManager;
  readonly #open: Set<InUse>;
  #holders = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #closed: Promise<void>;
  #resolve = () => {};

  constructor(plugins: PluginManager, open: Set<InUse>) {
    this.plugins = plugins;
    this.#open = open;
    this.#closed = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    open.add(this);
  }

  hold(): () => void {
    this.#holders += 1;
    let holding = true;
    return () => {
      if (!holding) return;
      holding = false;
      this.#holders -= 1;
      if (this.#holders === 0 && this.#timer !== undefined) void this.close();
    };
  }

  retire(withinMs: number): Promise<void> {
    this.#timer = setTimeout(() => void this.close(), withinMs);
    if (this.#holders === 0) void this.close();
    return this.#closed;
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    if (!this.#open.delete(this)) return this.#closed;
    // What a plugin does at its end is not the gateway's to fail of.
    await this.plugins.close().catch(() => {});
    this.#resolve();
  }
}

/** The upstreams in use. A reload keeps those whose settings are the same, with all that is connected to them. */
export interface UpstreamSet {
  current(): readonly Upstream[];
  /** Opens those that are new and returns the others, which are to be closed once nothing goes to them any more. */
  replace(settings: readonly UpstreamSettings[]): readonly Upstream[];
  /** Waits until each has been reached or not, for at most as long as the signal lets it. */
  settled(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** Opens upstreams with `open`, which returns at once: they are reached in the background. */
export function createUpstreamSet(
  settings: readonly UpstreamSettings[],
  open: (settings: UpstreamSettings) => Upstream,
): UpstreamSet {
  let upstreams: readonly Upstream[] = settings.map(open);
  return {
    current: () => upstreams,
    replace(next) {
      const before = new Map(upstreams.map((upstream) => [identity(upstream.settings), upstream]));
      upstreams = next.map((one) => {
        const same = before.get(identity(one));
        before.delete(identity(one));
        return same ?? open(one);
      });
      return [...before.values()];
    },
    settled: async (signal) => {
      await Promise.all(upstreams.map((upstream) => upstream.settled(signal)));
    },
    close: async () => {
      await Promise.allSettled(upstreams.map((upstream) => upstream.close()));
    },
  };
}

/** Node compares two URLs by their own properties, and they have none: their texts are compared. */
function identity(settings: UpstreamSettings): string {
  return JSON.stringify(settings);
}
