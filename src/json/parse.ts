import { JsonDuplicateKey, JsonTooDeep, JsonTooManyKeys } from '../errors.js';
import { JsonNumber, numberOf, standIn } from './number.js';
import { maxDepth, maxKeys, scan, stringEnd } from './scan.js';

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
