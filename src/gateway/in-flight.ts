interface Entry<T> {
  item: T | undefined;
  before: Entry<T> | undefined;
  after: Entry<T> | undefined;
}

/**
 * What is under way, in the order in which it began. In place of a Set, because what comes and goes with every request
 * makes a Set's table anew every few: each table refers to the next, so that one old one keeps all of them, and what was
 * under way with them, until the next full collection.
 */
export class InFlight<T> implements Iterable<T> {
  #first: Entry<T> | undefined;
  #last: Entry<T> | undefined;

  /** The answer takes it out again. */
  add(item: T): () => void {
    const entry: Entry<T> = { item, before: this.#last, after: undefined };
    if (this.#last) this.#last.after = entry;
    else this.#first = entry;
    this.#last = entry;
    return () => this.#remove(entry);
  }

  find(holds: (item: T) => boolean): T | undefined {
    for (let entry = this.#first; entry; entry = entry.after) {
      if (entry.item !== undefined && holds(entry.item)) return entry.item;
    }
    return undefined;
  }

  /** Those that are under way now, whatever becomes of them meanwhile. */
  *[Symbol.iterator](): Iterator<T> {
    const now: T[] = [];
    for (let entry = this.#first; entry; entry = entry.after) {
      if (entry.item !== undefined) now.push(entry.item);
    }
    yield* now;
  }

  #remove(entry: Entry<T>): void {
    if (entry.item === undefined) return;
    const { before, after } = entry;
    if (before) before.after = after;
    else this.#first = after;
    if (after) after.before = before;
    else this.#last = before;
    entry.item = undefined;
    entry.before = undefined;
    entry.after = undefined;
  }
}
