/** A map of so many entries at most: what was not used for the longest time goes. */
export class BoundedMap<V> {
  readonly #entries = new Map<string, V>();
  readonly #most: number;
  readonly #gone: ((value: V) => void) | undefined;

  /** `gone` is told of what went. */
  constructor(most: number, gone?: (value: V) => void) {
    this.#most = most;
    this.#gone = gone;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): V | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  set(key: string, value: V): void {
    this.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#most) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.delete(oldest);
  }

  delete(key: string): void {
    const value = this.#entries.get(key);
    if (value === undefined) return;
    this.#entries.delete(key);
    this.#gone?.(value);
  }
}
