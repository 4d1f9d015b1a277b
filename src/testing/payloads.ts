import { z } from 'zod';
import { type HookName, hookTable } from '../hooks/index.js';

/** Where choices come from: the same seed makes the same ones. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A number from 0 up to, but not including, 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  chance(share: number): boolean {
    return this.next() < share;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}

/** What plugins have stumbled over: nothing, much, odd letters, words that mean something to somebody. */
const oddTexts: readonly string[] = [
  '',
  ' ',
  'a',
  'hello world',
  'a'.repeat(27).concat('!'),
  '\u0000',
  '\ud800',
  'e\u0301\u202e\u200b\ufeff',
  '👩‍👩‍👧 ß ﬁ İ',
  'line\nline\r\n\ttab',
  '__proto__',
  'constructor',
  'toString',
  '$& $1 \\1 %s {{ env.HOME }}',
  '(((((a+)+)+)+)+)$',
  '../../etc/passwd',
  '<script>alert(1)</script>',
  "'; DROP TABLE users; --",
  'password: hunter2, card 1234-5678-9012-3456, ada@example.org',
  'null',
  '-1',
  '9007199254740993',
];

/** Only once the others were tried: what takes ages for these may take a second for `aaa…!` above, and can be told. */
const longTexts: readonly string[] = [
  'x'.repeat(20_000),
  'a'.repeat(5_000).concat('!'),
  ' '.repeat(5_000).concat('.'),
];

const oddNumbers: readonly number[] = [0, -1, 0.1, 1e21, -1e-7, 2 ** 31, 2 ** 53, Number.MAX_VALUE];

/** The part of a JSON schema that payloads are made of. */
interface Shape {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Shape | boolean;
  readonly items?: Shape;
  readonly anyOf?: readonly Shape[];
}

/** The names of fields that no contract has: whoever changes a payload has to leave them as they are. */
export const unknownField = 'x-unknown';

/**
 * Makes up payloads of one hook, valid as its schema has them, with `words` of the author's own among the texts, and `long`
 * ones where they are asked for.
 */
export function payloadsOf(
  hook: HookName,
  random: Random,
  words: readonly string[],
): (long: boolean) => Record<string, unknown> {
  const shape = z.toJSONSchema(hookTable[hook].payload, { io: 'input' }) as Shape;
  const short = new Maker(random, [...oddTexts, ...words]);
  const all = new Maker(random, [...oddTexts, ...words, ...longTexts]);
  return (long) => {
    const maker = long ? all : short;
    const payload = maker.make(shape, 0) as Record<string, unknown>;
    return random.chance(0.5)
      ? { ...payload, [unknownField]: random.pick([null, 7, 'kept', { a: [1] }]) }
      : payload;
  };
}

class Maker {
  readonly #random: Random;
  readonly #texts: readonly string[];

  constructor(random: Random, texts: readonly string[]) {
    this.#random = random;
    this.#texts = texts;
  }

  make(shape: Shape, depth: number): unknown {
    if (shape.anyOf) return this.make(this.#random.pick(shape.anyOf), depth);
    if (typeof shape.type === 'object')
      return this.make({ ...shape, type: this.#random.pick(shape.type) }, depth);
    switch (shape.type) {
      case 'string':
        return this.#text();
      case 'number':
      case 'integer':
        return this.#random.pick(oddNumbers);
      case 'boolean':
        return this.#random.chance(0.5);
      case 'null':
        return null;
      case 'array':
        return this.#list(depth, () => this.make(shape.items ?? {}, depth + 1));
      case 'object':
        return this.#object(shape, depth);
      default:
        return this.#anything(depth);
    }
  }

  /** One of those that are odd, or two of them together. */
  #text(): string {
    const text = this.#random.pick(this.#texts);
    return this.#random.chance(0.2) ? `${text} ${this.#random.pick(this.#texts)}` : text;
  }

  #list(depth: number, make: () => unknown): unknown[] {
    return Array.from({ length: this.#random.below(Math.max(1, 5 - depth)) }, make);
  }

  #object({ properties = {}, required = [], additionalProperties }: Shape, depth: number): object {
    const known = Object.entries(properties)
      .filter(([name]) => required.includes(name) || this.#random.chance(0.7))
      .map(([name, shape]) => [name, this.make(shape, depth + 1)]);
    if (Object.keys(properties).length > 0) return Object.fromEntries(known);
    const value = typeof additionalProperties === 'object' ? additionalProperties : {};
    return Object.fromEntries(
      this.#list(depth, () => [this.#text().slice(0, 100), this.make(value, depth + 1)]) as [],
    );
  }

  /** Any JSON; results of tools and contents of resources more often than chance would make them. */
  #anything(depth: number): unknown {
    const kind = this.#random.below(depth > 3 ? 4 : 9);
    if (kind < 2) return this.#text();
    if (kind === 2) return this.#random.pick(oddNumbers);
    if (kind === 3) return this.#random.pick([null, true, false]);
    if (kind === 4) return this.#list(depth, () => this.#anything(depth + 1));
    if (kind === 5) return this.#object({}, depth);
    if (kind === 6) return { uri: this.#text(), text: this.#text() };
    const item = () =>
      this.#random.chance(0.8) ? { type: 'text', text: this.#text() } : this.#anything(depth + 1);
    return { content: this.#list(depth, item), ...(this.#random.chance(0.3) && { isError: true }) };
  }
}

/** Values that are a little smaller, the smallest steps last: what is left of a payload that shows a fault. */
export function* smaller(value: unknown): Generator<unknown> {
  if (typeof value === 'string') {
    if (value.length > 1) {
      yield value.slice(0, value.length >> 1);
      yield value.slice(value.length >> 1);
      yield value.slice(1);
      yield value.slice(0, -1);
    } else if (value.length === 1 && value !== 'a') yield 'a';
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i += 1) yield value.toSpliced(i, 1);
    for (const [i, item] of value.entries()) for (const less of smaller(item)) yield value.with(i, less);
    return;
  }
  const entries = Object.entries(value);
  for (const [name] of entries) yield Object.fromEntries(entries.filter(([other]) => other !== name));
  for (const [name, field] of entries) {
    for (const less of smaller(field)) {
      yield Object.fromEntries(entries.map(([other, kept]) => [other, other === name ? less : kept]));
    }
  }
}
