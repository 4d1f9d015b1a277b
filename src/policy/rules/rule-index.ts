import { type Dimension, dimensions } from './expression.js';
import type { Rule } from './rule.js';

/** What a request has in each dimension. */
export type Key = Readonly<Record<Dimension, string>>;

/**
 * Finds the rules that may hold for a request, in their order: of a thousand that each name a tool, a user or an upstream those
 * that name this one. A rule stands under the texts of one dimension, that which leaves the fewest others beside it.
 */
export class RuleIndex {
  readonly #buckets: Readonly<Record<Dimension, Map<string, Rule[]>>>;
  readonly #used: readonly Dimension[];
  /** Those that name nothing. */
  readonly #rest: Rule[] = [];

  constructor(rules: readonly Rule[]) {
    const counts = byDimension(() => new Map<string, number>());
    for (const { facts } of rules)
      for (const dimension of dimensions)
        for (const text of facts.needs[dimension] ?? [])
          counts[dimension].set(text, (counts[dimension].get(text) ?? 0) + 1);
    this.#buckets = byDimension(() => new Map<string, Rule[]>());
    for (const rule of rules) {
      const dimension = narrowest(rule, counts);
      if (dimension === undefined) {
        this.#rest.push(rule);
        continue;
      }
      const buckets = this.#buckets[dimension];
      for (const text of rule.facts.needs[dimension] ?? []) {
        const bucket = buckets.get(text);
        if (bucket) bucket.push(rule);
        else buckets.set(text, [rule]);
      }
    }
    this.#used = dimensions.filter((dimension) => this.#buckets[dimension].size > 0);
  }

  /** The rules that may hold for a request with this key, in the order of the configuration. */
  find(key: Key): readonly Rule[] {
    let found: Rule[] | undefined;
    for (const dimension of this.#used) {
      for (const rule of this.#buckets[dimension].get(key[dimension]) ?? []) {
        if (!fits(rule, key)) continue;
        found ??= [...this.#rest];
        found.push(rule);
      }
    }
    return found === undefined ? this.#rest : found.sort((a, b) => a.order - b.order);
  }
}

function byDimension<T>(make: () => T): Record<Dimension, T> {
  return Object.fromEntries(dimensions.map((dimension) => [dimension, make()])) as Record<Dimension, T>;
}

/** The dimension of a rule in which the fewest others stand where it stands. */
function narrowest(
  { facts }: Rule,
  counts: Readonly<Record<Dimension, ReadonlyMap<string, number>>>,
): Dimension | undefined {
  let best: Dimension | undefined;
  let fewest = Number.POSITIVE_INFINITY;
  for (const dimension of dimensions) {
    const texts = facts.needs[dimension];
    if (texts === undefined) continue;
    const most = Math.max(0, ...[...texts].map((text) => counts[dimension].get(text) ?? 0));
    if (most < fewest) [best, fewest] = [dimension, most];
  }
  return best;
}

/** Whether nothing that the rule needs is missing. */
function fits({ facts: { needs } }: Rule, key: Key): boolean {
  for (const dimension of dimensions) {
    const texts = needs[dimension];
    if (texts !== undefined && !texts.has(key[dimension])) return false;
  }
  return true;
}
