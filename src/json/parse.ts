import { JsonDuplicateKey, JsonTooDeep, JsonTooManyKeys } from '../errors.js';
import { JsonNumber, numberOf, standIn } from './number.js';

/** Deeper than any message or configuration, and far from where a recursive reader or writer runs out of stack. */
export const maxDepth = 64;

/** For what carries the JSON of another within its own words: a hook call, its reply, a message between workers. */
export const carriedDepth = maxDepth + 8;

/** More keys than any object of a message has. Lists are bounded by the bytes of their message alone. */
export const maxKeys = 10_000;

interface ReadOptions {
  /** What the text is, as an error names it. */
  readonly what?: string;
  /** For what carries the JSON of another within its own. Default 64. */
  readonly depth?: number;
}

/**
 * The value of a JSON text that comes from elsewhere: the one place where such text is read. Numbers are those that JavaScript
 * has.
 *
 * @throws SallyError where it is nested too deep, an object has too many keys, or a key stands twice in one: whoever
 *   reads it next may see the other value. SyntaxError where it is no JSON.
 */
export function parseJson(text: string, { what = 'the JSON', depth = maxDepth }: ReadOptions = {}): unknown {
  const { refused, members } = scan(text, depth);
  if (refused !== undefined) throw refusal(refused, what, depth);
  const value: unknown = JSON.parse(text);
  if (countMembers(value) !== members) throw JsonDuplicateKey({ what, key: repeatedKey(text) });
  return value;
}

/** The same for what is passed on: a number that JavaScript would write in another way is a `JsonNumber`. */
export function parseExactJson(
  text: string,
  { what = 'the JSON', depth = maxDepth }: ReadOptions = {},
): unknown {
  const { refused, members, odd } = scan(text, depth);
  if (refused !== undefined) throw refusal(refused, what, depth);
  const value: unknown = odd === undefined ? JSON.parse(text) : parseMarked(text, odd);
  const counted = odd === undefined ? countMembers(value) : takeMarks(value);
  if (counted !== members) throw JsonDuplicateKey({ what, key: repeatedKey(text) });
  return value instanceof JsonNumber || typeof value !== 'string' ? value : asNumber(value);
}

/** Whether a text is JSON, also such that `parseJson` refuses: for who keeps nothing of it. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function refusal(refused: 'depth' | 'keys', what: string, depth: number) {
  return refused === 'depth'
    ? JsonTooDeep({ what, limit: depth })
    : JsonTooManyKeys({ what, limit: maxKeys });
}

/** What a value holds has a key once. A text with more members has one of them twice. */
function countMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let members = 0;
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object' && item !== null) members += countMembers(item);
    return members;
  }
  for (const key in value) {
    const field = (value as Record<string, unknown>)[key];
    members += typeof field === 'object' && field !== null ? 1 + countMembers(field) : 1;
  }
  return members;
}

function parseMarked(text: string, odd: readonly number[]): unknown {
  let marked = '';
  let at = 0;
  for (let i = 0; i < odd.length; i += 2) {
    const from = odd[i] ?? 0;
    const end = odd[i + 1] ?? 0;
    marked += `${text.slice(at, from)}"${standIn({ text: text.slice(from, end) })}"`;
    at = end;
  }
  try {
    return JSON.parse(marked + text.slice(at)) as unknown;
  } catch {
    // The text itself: an error quotes a part of what was parsed, and nobody may learn of the mark.
    return JSON.parse(text) as unknown;
  }
}

const asNumber = (text: string): unknown => numberOf(text) ?? text;

/** Puts the numbers in the place of the texts that stand for them; counts members on the way. */
function takeMarks(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let members = 0;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i += 1) {
      const item: unknown = value[i];
      if (typeof item === 'string') value[i] = asNumber(item);
      else members += takeMarks(item);
    }
    return members;
  }
  const fields = value as Record<string, unknown>;
  for (const key in fields) {
    const field = fields[key];
    // An own `__proto__` is there already: assigned, it stays one.
    if (typeof field === 'string') fields[key] = asNumber(field);
    members += 1 + takeMarks(field);
  }
  return members;
}

/** Longer texts are refused without a look for the key: that costs more than to read them. */
const maxSearched = 100_000;

/** The key that stands twice in one object. */
function repeatedKey(text: string): string | undefined {
  if (text.length > maxSearched) return undefined;
  const open: Set<string>[] = [];
  for (let i = 0; i < text.length; i += 1) {
    const character = text[i];
    if (character === '{' || character === '[') open.push(new Set());
    else if (character === '}' || character === ']') open.pop();
    else if (character === '"') {
      const end = stringEnd(text, i + 1);
      const written = text.slice(i, end + 1);
      i = end;
      if (!/^\s*:/.test(text.slice(end + 1, end + 100))) continue;
      const key = written.includes('\\') ? String(JSON.parse(written)) : written.slice(1, -1);
      const keys = open.at(-1);
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
  }
  return undefined;
}

/**
 * The id of a JSON-RPC message that is not taken as a whole: a text or a number at its top, where there is one. Undefined
 * otherwise, and where there are two.
 */
export function findId(text: string): string | number | undefined {
  let depth = 0;
  let found: string | number | undefined;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === 0x7b || code === 0x5b) depth += 1;
    else if (code === 0x7d || code === 0x5d) depth -= 1;
    if (code !== 0x22) continue;
    const end = stringEnd(text, i + 1);
    if (depth === 1 && end - i === 3 && text.startsWith('"id"', i)) {
      const value = /^\s*:\s*("(?:[^"\\]|\\.)*"|-?\d+(?![\d.eE]))/.exec(
        text.slice(end + 1, end + 1_000),
      )?.[1];
      if (value !== undefined && found !== undefined) return undefined;
      if (value !== undefined) found = JSON.parse(value) as string | number;
    }
    i = end;
  }
  return found;
}

/** What a text that is read as JSON holds, beside its value. */
interface Scan {
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
const plus = 0x2b;
const minus = 0x2d;
const dot = 0x2e;
const zero = 0x30;
const nine = 0x39;
const colon = 0x3a;
const largeE = 0x45;
const smallE = 0x65;

const number = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** The members of the object that is open at each depth. */
const keysAt = new Int32Array(1_000);

/**
 * One pass over a text, before anything that is recursive or keeps what it reads: how deep it is nested, how many keys
 * an object has, how many members there are, and which numbers do not come back out of JavaScript as they went in. Of
 * what is no JSON the result means nothing.
 */
function scan(text: string, depthLimit: number = maxDepth): Scan {
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
    } else if ((code >= zero && code <= nine) || code === minus) {
      const from = i;
      let next: number;
      do {
        i += 1;
        next = text.charCodeAt(i);
      } while (next >= zero && next <= nine);
      const plain = next !== dot && next !== smallE && next !== largeE && i - from <= 15;
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
function stringEnd(text: string, from: number): number {
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
    const digit = code >= zero && code <= nine;
    if (!digit && code !== dot && code !== smallE && code !== largeE && code !== plus && code !== minus)
      return i;
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

/** Whether a number in `value` is written in another way than JavaScript has. */
export function holdsNumbers(value: unknown, levels: number = carriedDepth): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (value instanceof JsonNumber) return true;
  if (levels === 0) return false;
  if (Array.isArray(value)) {
    for (const item of value) if (holdsNumbers(item, levels - 1)) return true;
    return false;
  }
  for (const key in value) if (holdsNumbers((value as Record<string, unknown>)[key], levels - 1)) return true;
  return false;
}
