import { findId, JsonNumber, maxDepth, maxKeys, parseExactJson, parseJson } from '../../dist/json/index.js';
import { agree, disagree, refusable } from '../lib/judge.mjs';

/** JSON of others, beside JSON.parse and a reader by tokens: the same value, or refused for a reason that is there. */
export default {
  format: 'json',
  words: [
    '"a":',
    '"a":1,"a":2',
    '"\\u0061":',
    '"id":1,',
    '"__proto__":',
    '\\"',
    '\\\\"',
    '\\u0022',
    '[[[[[[[[[[[[[[[[',
    '{"a":{"a":{"a":',
    '-0',
    '1.0',
    '1e-05',
    '1e400',
    '12345678901234567890',
    '0.000001',
    '\u2028',
    '\t',
    ',',
    '}',
    ']',
  ],
  generate: (random) => {
    const deep = random.pick([63, 64, 65, 500, 20_000]);
    const [open, close] = random.pick([
      ['[', ']'],
      ['{"a":', '}'],
    ]);
    return `${open.repeat(deep)}1${close.repeat(deep)}`;
  },
  async open() {
    return (input) => {
      const text = input.toString('utf8');
      let judged;
      try {
        judged = { value: JSON.parse(text) };
      } catch {}
      const read = refusable(() => {
        try {
          return { value: parseJson(text) };
        } catch (error) {
          if (error instanceof SyntaxError) return undefined;
          throw error;
        }
      });
      if (!judged) {
        if (read) disagree('what is no JSON is read', text);
        return;
      }
      const { depth, keys, twice, odd } = byTokens(text);
      const refused = depth > maxDepth || keys > maxKeys || twice;
      if (refused === (read !== undefined)) disagree(refused ? 'read' : 'refused', { depth, keys, twice });
      if (!read) return;
      agree('another value', read.value, judged.value);
      agree('other numbers are kept as they are written', kept(parseExactJson(text)).sort(), odd.sort());
      const { id } = Object(judged.value);
      const found = findId(text);
      if (found !== undefined && (typeof id === 'string' || Number.isSafeInteger(id)))
        agree('another id', found, id);
    };
  },
};

const token = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|[^\s]/gs;

/** What a valid text holds. */
function byTokens(text) {
  const open = [];
  const seen = { depth: 0, keys: 0, twice: false, odd: [] };
  let last;
  for (const [one] of text.matchAll(token)) {
    if (one === '{' || one === '[') open.push(new Map());
    else if (one === '}' || one === ']') open.pop();
    else if (one === ':') {
      const key = JSON.parse(last);
      const own = open.at(-1);
      if (own.has(key)) seen.twice = true;
      own.set(key);
      seen.keys = Math.max(seen.keys, own.size);
    } else if (/[-\d]/.test(one[0]) && String(Number(one)) !== one) seen.odd.push(one);
    seen.depth = Math.max(seen.depth, open.length);
    last = one;
  }
  return seen;
}

/** The numbers of a value that are kept as they are written. */
function kept(value) {
  if (value instanceof JsonNumber) return [value.text];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(kept) : [];
}
