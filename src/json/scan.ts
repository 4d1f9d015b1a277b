/** Deeper than any message or configuration, and far from where a recursive reader or writer runs out of stack. */
export const maxDepth = 64;

/** For what carries the JSON of another within its own words: a hook call, its reply, a message between workers. */
export const carriedDepth = maxDepth + 8;

/** More keys than any object of a message has. Lists are bounded by the bytes of their message alone. */
export const maxKeys = 10_000;

/** What a text that is read as JSON holds, beside its value. */
export interface Scan {
  readonly refused?: 'depth' | 'keys';
  /** The members of all objects: one that stands twice counts twice. */
  readonly members: number;
  /** Where the numbers begin and end that JavaScript would write in another way, in turn. */
  readonly odd: readonly number[] | undefined;
}

const tooDeep: Scan = { refused: 'depth', members: 0, odd: undefined };
const tooManyKeys: Scan = { refused: 'keys', members: 0, odd: undefined };
/** What is surely no JSON: whoever parses it says why. */
const notJson: Scan = { members: -1, odd: undefined };

const quote = 0x22;
const backslash = 0x5c;
const minus = 0x2d;
const dot = 0x2e;
const zero = 0x30;
const colon = 0x3a;

const isDigit = (code: number): boolean => code >= zero && code <= 0x39;
const isExponent = (code: number): boolean => code === 0x65 || code === 0x45;
const number = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** The members of the object that is open at each depth. */
const keysAt = new Int32Array(1_000);

/**
 * One pass over a text, before anything that is recursive or keeps what it reads: how deep it is nested, how many keys
 * an object has, how many members there are, and which numbers do not come back out of JavaScript as they went in. Of
 * what is no JSON the result means nothing.
 */
export function scan(text: string, depthLimit: number = maxDepth): Scan {
  const { length } = text;
  let depth = 0;
  let members = 0;
  let odd: number[] | undefined;
  for (let i = 0; i < length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === quote) {
      i = stringEnd(text, i + 1);
    } else if (code === 0x2c) {
      // A comma says nothing here.
    } else if (code === colon) {
      members += 1;
      keysAt[depth] = (keysAt[depth] ?? 0) + 1;
      if ((keysAt[depth] ?? 0) > maxKeys) return tooManyKeys;
    } else if (isDigit(code) || code === minus) {
      const from = i;
      i += 1;
      while (isDigit(text.charCodeAt(i))) i += 1;
      const next = text.charCodeAt(i);
      const plain = next !== dot && !isExponent(next) && i - from <= 15;
      if (!plain || (code === minus && text.charCodeAt(from + 1) === zero)) {
        i = numberEnd(text, i);
        const written = text.slice(from, i);
        if (isOdd(written)) {
          if (!number.test(written) || isKey(text, i)) return notJson;
          odd ??= [];
          odd.push(from, i);
        }
      }
      i -= 1;
    } else if (code === 0x7b || code === 0x5b) {
      depth += 1;
      if (depth > depthLimit) return tooDeep;
      keysAt[depth] = 0;
    } else if (code === 0x7d || code === 0x5d) {
      depth -= 1;
      if (depth < 0) return notJson;
    }
  }
  return { members, odd };
}

/** So many characters of a string are looked at one by one, which is faster than a search where they are few. */
const nearby = { first: 8, afterEscape: 64 } as const;

/** The place of the quote that ends the string whose first character is at `from`; the end of the text without one. */
export function stringEnd(text: string, from: number): number {
  const { length } = text;
  let i = from;
  for (let until = i + nearby.first; ; until = i + nearby.afterEscape) {
    while (i < until) {
      const code = text.charCodeAt(i);
      if (code === quote) return i;
      i += code === backslash ? 2 : 1;
    }
    if (i >= length) return length;
    const found = text.indexOf('"', i);
    if (found === -1) return length;
    let before = found - 1;
    while (before >= i && text.charCodeAt(before) === backslash) before -= 1;
    // An even number of backslashes before it: they escape each other.
    if ((found - before) % 2 === 1) return found;
    i = found + 1;
  }
}

function numberEnd(text: string, at: number): number {
  for (let i = at; ; i += 1) {
    const code = text.charCodeAt(i);
    if (!isDigit(code) && code !== dot && !isExponent(code) && code !== 0x2b && code !== minus) return i;
  }
}

/**
 * Whether JavaScript would write the number in another way. A fraction that ends in a zero it would; one of at most 15 digits
 * that does not comes back as it is, where it is large enough to be written without an exponent.
 */
function isOdd(written: string): boolean {
  if (surelyOdd.test(written)) return true;
  if (written.length <= 16 && surelyPlain.test(written)) return false;
  return String(Number(written)) !== written;
}

const surelyOdd = /\.\d*0$/;
const surelyPlain = /^-?(?:[1-9]\d*\.\d*[1-9]|0\.\d{0,4}[1-9])$/;

function isKey(text: string, end: number): boolean {
  let i = end;
  for (let code = text.charCodeAt(i); code === 0x20 || (code >= 0x09 && code <= 0x0d); i += 1) {
    code = text.charCodeAt(i + 1);
  }
  return text.charCodeAt(i) === colon;
}

/** What is too much of a value that no text was read for: its levels, or the keys of an object in it. */
export function beyondLimits(value: unknown, levels: number = maxDepth): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (levels === 0) return `it is nested deeper than ${maxDepth} levels`;
  if (Array.isArray(value)) {
    // By index: "for in" makes a text of each, and costs several times what writing the list does.
    for (let i = 0; i < value.length; i += 1) {
      const found = typeof value[i] === 'object' ? beyondLimits(value[i], levels - 1) : undefined;
      if (found !== undefined) return found;
    }
    return undefined;
  }
  let keys = 0;
  for (const key in value) {
    const field = (value as Record<string, unknown>)[key];
    const found = typeof field === 'object' ? beyondLimits(field, levels - 1) : undefined;
    if (found !== undefined) return found;
    keys += 1;
  }
  return keys <= maxKeys ? undefined : `an object in it has more than ${maxKeys} keys`;
}
