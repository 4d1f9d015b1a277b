import { carriedDepth, isJsonObject, JsonNumber } from '../json/index.js';

/**
 * The numbers of what a plugin in JavaScript is given, as they were written. It sees those that JavaScript has; what it
 * answers gets back the text of every number that it has left as it was, wherever it has put it.
 */
export class WrittenNumbers {
  /** What each object and list that the plugin was given is a copy of. */
  readonly #sources = new Map<unknown, object>();
  /** Those that only a text can hold, by what JavaScript makes of them; undefined where it makes the same of two. */
  readonly #large = new Map<number, JsonNumber | undefined>();
  /** Whether one that only a text can hold could not be told from another: there is no writing it. */
  lost = false;

  /** A copy with the numbers of JavaScript, which the plugin may change as it likes. */
  plain<T>(source: T): T;
  plain(source: unknown): unknown {
    if (source instanceof JsonNumber || typeof source === 'number') return this.#number(source);
    if (typeof source !== 'object' || source === null) return source;
    const copy = Array.isArray(source)
      ? source.map((item: unknown) => this.plain(item))
      : // Not an assignment: `__proto__` is a key like any other in JSON.
        Object.fromEntries(Object.entries(source).map(([key, field]) => [key, this.plain(field as unknown)]));
    this.#sources.set(copy, source);
    return copy;
  }

  /** What the plugin has made of it, with the numbers of `source`, which stood there before, in their places. */
  restore(value: unknown, source: unknown): unknown {
    try {
      return this.#restore(value, source, carriedDepth);
    } catch {
      // A getter that throws: whoever copies it next says so.
      return value;
    }
  }

  #restore(value: unknown, source: unknown, levels: number): unknown {
    if (typeof value === 'number') {
      // A number of JavaScript there proves nothing: one that was large may have been put where an equal one stood.
      return source instanceof JsonNumber && isOf(source, value) ? source : this.#find(value);
    }
    if (typeof value !== 'object' || value === null || levels === 0) return value;
    const from = this.#sources.get(value) ?? source;
    if (Array.isArray(value)) {
      const before: readonly unknown[] = Array.isArray(from) ? from : [];
      return value.map((item: unknown, i) =>
        this.#restore(item, isMoved(item, before[i]) ? only(before, item) : before[i], levels - 1),
      );
    }
    if (Object.getPrototypeOf(value) !== Object.prototype) return value;
    const before = isJsonObject(from) ? from : {};
    return Object.fromEntries(
      Object.entries(value).map(([key, field]) => [
        key,
        this.#restore(field, Object.hasOwn(before, key) ? before[key] : undefined, levels - 1),
      ]),
    );
  }

  #number(source: JsonNumber | number): number {
    const value = Number(source);
    if (Number.isFinite(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER) return value;
    const known = this.#large.get(value);
    const same = known !== undefined && source instanceof JsonNumber && known.text === source.text;
    const first = !this.#large.has(value) && source instanceof JsonNumber;
    if (!same) this.#large.set(value, first ? source : undefined);
    return value;
  }

  /** A number that stands where there was another one: the one that was given elsewhere, where there was only one. */
  #find(value: number): unknown {
    if (!this.#large.has(value)) return value;
    const found = this.#large.get(value);
    if (found === undefined && !Number.isFinite(value)) this.lost = true;
    return found ?? value;
  }
}

const isOf = (source: unknown, value: number): boolean =>
  (source instanceof JsonNumber || typeof source === 'number') && Object.is(Number(source), value);

const isMoved = (item: unknown, before: unknown): boolean => typeof item === 'number' && !isOf(before, item);

/** The number of a list that JavaScript has as `item`, where all such are written in one way. */
function only(list: readonly unknown[], item: unknown): unknown {
  const same = list.filter((one) => isOf(one, item as number));
  const [first] = same;
  return same.every((one) => String((one as JsonNumber).text) === String((first as JsonNumber).text))
    ? first
    : undefined;
}
