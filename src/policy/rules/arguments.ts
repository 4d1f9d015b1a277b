import { JsonNumber } from '../../json/index.js';

/** Levels of arguments that rules see: the evaluator keeps a type for every shape that it meets. */
const maxLevels = 7;
/** Values of the arguments of one call that rules look at: what has more is not looked at. */
const maxValues = 100_000;

/** What stands for values that are nested too deep: reading one fails. */
class TooDeep {}
const tooDeep = new TooDeep();

/** Arguments as rules see them, and how many values they have. */
export interface SeenArguments {
  /** Undefined where they have too many values. */
  readonly value: Readonly<Record<string, unknown>> | undefined;
  readonly size: number;
}

/** Arguments for the evaluator: the same object where it can read all of it. */
export function seenArguments(args: Readonly<Record<string, unknown>>): SeenArguments {
  const look = new Look();
  const value = look.at(args, 1) as Readonly<Record<string, unknown>>;
  return { value: look.size > maxValues ? undefined : value, size: look.size };
}

class Look {
  size = 0;

  at(value: unknown, level: number): unknown {
    this.size += 1;
    if (typeof value !== 'object' || value === null || this.size > maxValues) return value;
    if (value instanceof JsonNumber) return numberOf(value);
    if (level > maxLevels) return tooDeep;
    if (Array.isArray(value)) {
      let copy: unknown[] | undefined;
      for (const [i, item] of value.entries()) {
        const seen = this.at(item, level + 1);
        if (seen !== item) {
          copy ??= [...value];
          copy[i] = seen;
        }
      }
      return copy ?? value;
    }
    let copy: [string, unknown][] | undefined;
    const entries = Object.entries(value);
    for (const [i, [key, item]] of entries.entries()) {
      const seen = this.at(item, level + 1);
      if (seen !== item) {
        copy ??= entries;
        copy[i] = [key, seen];
      }
    }
    // Not an assignment: `__proto__` is a key like any other in JSON.
    return copy === undefined ? value : Object.fromEntries(copy);
  }
}

/** An integer as it was written, where CEL has one as large; else what JavaScript makes of it. */
function numberOf(number: JsonNumber): unknown {
  if (!/^-?\d+$/.test(number.text) || number.text.length > 20) return number.valueOf();
  const integer = BigInt(number.text);
  return BigInt.asIntN(64, integer) === integer ? integer : number.valueOf();
}
