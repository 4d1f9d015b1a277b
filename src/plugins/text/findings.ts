/** What was found, without the text of it: what kind of thing, where (a JSON pointer into the payload), and how often there. */
export interface Finding {
  readonly kind: string;
  readonly place: string;
  readonly count: number;
}

/** So many places are told of; all are counted. */
const placesTold = 100;

/** What a filter has found in one payload. */
export class Findings {
  readonly #places = new Map<string, { kind: string; place: string; count: number }>();
  readonly #kinds = new Map<string, number>();
  #total = 0;

  add(kind: string, place: string): void {
    this.#total += 1;
    this.#kinds.set(kind, (this.#kinds.get(kind) ?? 0) + 1);
    const key = `${kind} ${place}`;
    const known = this.#places.get(key);
    if (known !== undefined) known.count += 1;
    else if (this.#places.size < placesTold) this.#places.set(key, { kind, place, count: 1 });
  }

  get total(): number {
    return this.#total;
  }

  /** The kinds that were found, each once. */
  get kinds(): readonly string[] {
    return [...this.#kinds.keys()];
  }

  /** For the details of a violation and for metadata: `{total, kinds: {email: 2}, findings: […]}`. */
  report(): { total: number; kinds: Record<string, number>; findings: readonly Finding[] } {
    return {
      total: this.#total,
      kinds: Object.fromEntries(this.#kinds),
      findings: [...this.#places.values()],
    };
  }
}
