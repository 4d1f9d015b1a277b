import { isJson } from '../../json/index.js';

/** What becomes of the parts of a JSON text. */
interface JsonTextVisit {
  /** `name` is that of the member whose value it is. */
  string(text: string, name: string | undefined): string;
  readonly key: ((text: string) => string) | undefined;
  number(text: string, name: string | undefined): string;
  /** Numbers of so many characters or more are visited; undefined: none. */
  readonly numbersFrom: number | undefined;
}

/**
 * Visits the strings of a text that is JSON, and returns the text with what became of them; undefined where it is no JSON. What
 * is not changed stays as it was written: blanks, escapes, numbers.
 */
export function mapJsonText(text: string, visit: JsonTextVisit): string | undefined {
  if (!isJson(text)) return undefined;
  let made = '';
  let copied = 0;
  const put = (start: number, end: number, token: string): void => {
    made += text.slice(copied, start) + token;
    copied = end;
  };
  let name: string | undefined;
  const numbers = (start: number, end: number): void => {
    if (visit.numbersFrom === undefined || end - start < visit.numbersFrom) return;
    for (const { 0: token, index } of text.slice(start, end).matchAll(/-?\d[\d.eE+-]*/g)) {
      if (token.length < visit.numbersFrom) continue;
      const visited = visit.number(token, name);
      if (visited !== token) put(start + index, start + index + token.length, JSON.stringify(visited));
    }
  };
  const keys = new Map<string, number>();
  /** A changed key, told apart from others: the same one twice in an object is read in more than one way. */
  const apart = (key: string): string => {
    const n = (keys.get(key) ?? 0) + 1;
    keys.set(key, n);
    return n === 1 ? key : `${key} (${n})`;
  };
  let at = 0;
  for (;;) {
    const start = text.indexOf('"', at);
    numbers(at, start === -1 ? text.length : start);
    if (start === -1) break;
    const end = endOfString(text, start);
    at = end;
    const asKey = isKey(text, end);
    const token = text.slice(start, end);
    const inner = token.includes('\\') ? (JSON.parse(token) as string) : token.slice(1, -1);
    if (asKey) name = inner;
    const visited = asKey ? (visit.key?.(inner) ?? inner) : visit.string(inner, name);
    if (visited !== inner) put(start, end, JSON.stringify(asKey ? apart(visited) : visited));
  }
  return copied === 0 ? text : made + text.slice(copied);
}

/** Where a string that begins at `start` is over, of JSON that is valid. */
function endOfString(text: string, start: number): number {
  let quote = text.indexOf('"', start + 1);
  for (;;) {
    let before = quote - 1;
    while (text.charCodeAt(before) === 0x5c) before -= 1;
    if ((quote - before) % 2 === 1) return quote + 1;
    quote = text.indexOf('"', quote + 1);
  }
}

function isKey(text: string, end: number): boolean {
  let at = end;
  while (/\s/.test(text.charAt(at))) at += 1;
  return text.charCodeAt(at) === 0x3a;
}
