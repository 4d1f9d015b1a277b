import type { PluginManager } from '../manager/index.js';

/** The plugins of one plugin file, and how many requests are with them. */
export interface PluginSet {
  readonly plugins: PluginManager;
  /** Keeps the set open until the answer is called. */
  hold(): () => void;
}

/** The plugins in use. A reload puts others in their place; those from before are closed after what is with them. */
export interface PluginSets {
  current(): PluginSet;
  /** The old set is closed when nobody is with it any more, or after `withinMs`; the answer resolves then. */
  replace(next: PluginManager, withinMs: number): Promise<void>;
  /** Closes whatever is still open. */
  close(): Promise<void>;
}

/** Holds the plugins that a gateway starts with. */
export function createPluginSets(first: PluginManager): PluginSets {
  const open = new Set<Held>();
  let current = new Held(first, open);
  return {
    current: () => current,
    replace(next, withinMs) {
      const old = current;
      current = new Held(next, open);
      return old.retire(withinMs);
    },
    close: async () => {
      await Promise.all([...open].map((held) => held.close()));
    },
  };
}

class Held implements PluginSet {
  readonly plugins: PluginManager;
  readonly #open: Set<Held>;
  #holders = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #closed = deferred();

  constructor(plugins: PluginManager, open: Set<Held>) {
    this.plugins = plugins;
    this.#open = open;
    open.add(this);
  }

  hold(): () => void {
    this.#holders += 1;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#holders -= 1;
      if (this.#holders === 0 && this.#timer !== undefined) void this.close();
    };
  }

  retire(withinMs: number): Promise<void> {
    this.#timer = setTimeout(() => void this.close(), withinMs);
    if (this.#holders === 0) void this.close();
    return this.#closed.promise;
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    if (!this.#open.delete(this)) return this.#closed.promise;
    // What a plugin does at its end is not the gateway's to fail of.
    await this.plugins.close().catch(() => {});
    this.#closed.resolve();
  }
}

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
