import { type ChangingList, listChanged } from '../../mcp/methods.js';
import type { ClientState } from './client-state.js';

/** Changes within this time are told as one: an upstream that comes back changes three lists at once. */
const gatherMs = 50;

/** Tells clients that lists have changed, each at most once in a while. */
export class Changes {
  readonly #waiting = new Map<
    ClientState,
    { readonly lists: Set<ChangingList>; readonly timer: NodeJS.Timeout }
  >();

  announce(state: ClientState, lists: Iterable<ChangingList>): void {
    const waiting = this.#waiting.get(state);
    if (waiting !== undefined) {
      for (const list of lists) waiting.lists.add(list);
      return;
    }
    const timer = setTimeout(() => this.#tell(state), gatherMs).unref();
    this.#waiting.set(state, { lists: new Set(lists), timer });
  }

  /** A client is gone. */
  forget(state: ClientState): void {
    clearTimeout(this.#waiting.get(state)?.timer);
    this.#waiting.delete(state);
  }

  close(): void {
    for (const { timer } of this.#waiting.values()) clearTimeout(timer);
    this.#waiting.clear();
  }

  #tell(state: ClientState): void {
    const lists = this.#waiting.get(state)?.lists ?? new Set();
    this.#waiting.delete(state);
    for (const list of lists) {
      if (state.client.era === 'legacy') state.client.notify(listChanged[list]);
      for (const listen of state.listens) {
        if (listen.lists.has(list)) listen.notify(listChanged[list], undefined);
      }
    }
  }
}
