import { carriedDepth, isJsonObject, JsonNumber } from '../json/index.js';

/**
 * The numbers of what a plugin in JavaScript is given, as they were written. It sees those that JavaScript has; what it
 * answers gets back the text of every number that it has left as it was, wherever it has put it.
 */
export class WrittenNumbers {
  /** What objects and lists that the plugin was given are copies of. */
  readonly #sources = new Map<unknown, object>();
  /** Those that only a text can hold, by what JavaScript makes of them; undefined where it makes the same of two. */
  readonly #large = new Map<number, JsonNumber | undefined>();
  /** Whether one that only a text can hold could not be told from another: there is no writing it. */
  lost = false;

  /** With the numbers of JavaScript: what holds others is copied, all else is the source's own. */
  plain<T>(source: T): T;
  plain(source: unknown): unknown {
    if (source instanceof JsonNumber || typeof source === 'number') return this.#number(source);
    if (typeof source !== 'object' || source === null) return source;
    const copy = changed(source, (_key, item) => this.plain(item));
    if (copy !== source) this.#sources.set(copy, source);
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
    if (typeof value === 'number') return isOf(source, value) ? source : this.#find(value);
    if (typeof value !== 'object' || value === null || levels === 0) return value;
    const from = this.#sources.get(value) ?? source;
    if (Array.isArray(value)) {
      const before: readonly unknown[] = Array.isArray(from) ? from : [];
      return changed(value, (i, item) => {
        const there = before[i as number];
        return this.#restore(item, isMoved(item, there) ? only(before, item) : there, levels - 1);
      });
    }
    if (Object.getPrototypeOf(value) !== Object.prototype) return value;
    const before = isJsonObject(from) ? from : {};
    return changed(value, (key, item) =>
      this.#restore(item, Object.hasOwn(before, key) ? before[key] : undefined, levels - 1),
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

/** A list or an object with each item as `change` has it; the same where that changes nothing. */
function changed(value: object, change: (key: string | number, item: unknown) => unknown): object {
  let copy: Record<string | number, unknown> | undefined;
  const take = (key: string | number, item: unknown) => {
    const made = change(key, item);
    if (made === item) return;
    // An own `__proto__` is there already: assigned, it stays one.
    copy ??= (Array.isArray(value) ? [...value] : { ...value }) as Record<string | number, unknown>;
    copy[key] = made;
  };
  if (Array.isArray(value)) for (let i = 0; i < value.length; i += 1) take(i, value[i]);
  else for (const key of Object.keys(value)) take(key, (value as Record<string, unknown>)[key]);
  return copy ?? value;
}
