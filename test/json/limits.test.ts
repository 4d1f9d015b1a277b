import { readdir, readFile } from 'node:fs/promises';

import { resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findSallyError } from '../../src/errors.js';
import { findId, maxKeys, parseJson } from '../../src/json/index.js';

function codeOf(text: string, depth?: number): string {
  try {
    parseJson(text, { ...(depth !== undefined && { depth }) });
    return 'taken';
  } catch (error) {
    return findSallyError(error)?.code ?? (error as Error).name;
  }
}

const nested = (levels: number, open = '[', close = ']') => open.repeat(levels) + close.repeat(levels);
const keys = (count: number) => `{${Array.from({ length: count }, (_, i) => `"k${i}":${i}`).join(',')}}`;

describe('what is read', () => {
  it('is what JSON.parse makes of it, whatever its strings, spaces and numbers are', () => {
    const space = fc.constantFrom(undefined, 2, '\t');
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), space, (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(parseJson(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it.each([
    ['brackets in a string', JSON.stringify({ a: '[[[{{{"":'.repeat(100) })],
    [
      'quotes and backslashes at the ends of strings',
      JSON.stringify(['\\', '\\"', 'a\\', `${'x'.repeat(90)}\\\\`, `"${'x'.repeat(70)}"`]),
    ],
    [
      'strings that hold JSON',
      JSON.stringify({ text: JSON.stringify({ text: JSON.stringify({ a: 'x'.repeat(200), b: ':' }) }) }),
    ],
    ['a key that another object has too', '[{"a":1},{"a":2},{"b":{"a":1},"a":3}]'],
    ['the longest list there is', JSON.stringify(new Array(300_000).fill({ a: 1 }))],
    ['as many keys as there may be', keys(maxKeys)],
    ['64 levels', nested(64)],
    ['64 levels of objects', `${'{"a":'.repeat(63)}{}${'}'.repeat(63)}`],
  ])('%s', (_, text) => {
    expect(parseJson(text)).toEqual(JSON.parse(text));
  });

  it('a key __proto__ is a key like any other', () => {
    const value = parseJson('{"__proto__":{"polluted":1},"a":{"__proto__":2}}') as Record<string, object>;
    expect(Object.keys(value)).toEqual(['__proto__', 'a']);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
    expect(JSON.stringify(value)).toBe('{"__proto__":{"polluted":1},"a":{"__proto__":2}}');
  });
});

describe('what is refused', () => {
  it.each([
    ['65 levels', nested(65), 'SALLY_JSON_DEPTH'],
    ['lists without an end', '['.repeat(3_800_000), 'SALLY_JSON_DEPTH'],
    ['objects without an end', '{"a":'.repeat(1_000_000), 'SALLY_JSON_DEPTH'],
    ['65 levels behind a long string', `["${'x'.repeat(500)}",${nested(64)}]`, 'SALLY_JSON_DEPTH'],
    ['a key too many', keys(maxKeys + 1), 'SALLY_JSON_KEYS'],
    ['a key too many deep inside', `[[{"a":${keys(300_000)}}]]`, 'SALLY_JSON_KEYS'],
    ['a key twice', '{"a":1,"a":2}', 'SALLY_JSON_DUPLICATE_KEY'],
    ['a key twice with the same value', '{"b":[{"a":1,"a":1}]}', 'SALLY_JSON_DUPLICATE_KEY'],
    ['a key in another escape', '{"name":1,"n\\u0061me":2}', 'SALLY_JSON_DUPLICATE_KEY'],
    ['a key twice, spread out', '{ "a" : 1 , "b" : {} ,\n"a"\t: 2 }', 'SALLY_JSON_DUPLICATE_KEY'],
    ['__proto__ twice', '{"__proto__":1,"__proto__":2}', 'SALLY_JSON_DUPLICATE_KEY'],
    ['an object twice, one of them empty', '{"a":{"b":1,"c":2},"a":{}}', 'SALLY_JSON_DUPLICATE_KEY'],
    ['text', 'no JSON', 'SyntaxError'],
    ['a closing bracket too many', '[]]', 'SyntaxError'],
    ['a string without its end', '{"a":"b', 'SyntaxError'],
    ['nothing', '', 'SyntaxError'],
  ])('%s', (_, text, code) => {
    expect(codeOf(text)).toBe(code);
  });

  it('a key that stands twice is named', () => {
    expect(() =>
      parseJson('{"x":{"a":"b\\"","arg\\u0075ments":1,"arguments":2}}', { what: 'the body' }),
    ).toThrow('the key "arguments" stands twice in an object of the body');
  });

  it('whatever the object, one of its keys once more is found', () => {
    const escaped = (key: string) =>
      `"${[...key].map((c) => [...Array(c.length)].map((_, i) => `\\u${c.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')).join('')}"`;
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }), fc.nat(), (value, which) => {
        const all = Object.keys(value);
        const key = all[which % all.length] ?? '';
        const text = JSON.stringify(value);
        expect(codeOf(`${text.slice(0, -1)},${escaped(key)}:0}`)).toBe('SALLY_JSON_DUPLICATE_KEY');
      }),
    );
  });

  it('costs no more than twice what a flat text of the size costs', () => {
    const flat = JSON.stringify({ rows: new Array(95_000).fill({ id: 1, name: 'a name', on: true }) });
    const best = (text: string) =>
      Math.min(
        ...Array.from({ length: 5 }, () => {
          const begun = process.cpuUsage();
          codeOf(text);
          const { user, system } = process.cpuUsage(begun);
          return user + system;
        }),
      );
    const allowed = 2 * best(flat) + 1_000;
    const half = Math.floor(flat.length / 2);
    for (const text of [
      '['.repeat(flat.length),
      nested(half),
      '{"a":'.repeat(half / 3),
      keys(half / 8),
      `${flat.slice(0, -1)},"rows":1}`,
    ]) {
      expect(best(text)).toBeLessThan(allowed);
    }
  });
});

it.each([
  ['{"jsonrpc":"2.0","id":7,"result":{"id":8}}', 7],
  ['{"result":{"id":8,"x":[[[[{"id":9}]]]]},"jsonrpc":"2.0","id":"a\\"b"}', 'a"b'],
  ['{"id":7,"id":8}', undefined],
  ['{"id":1e-992}', undefined],
  ['{"id":10.5}', undefined],
  ['{"result":{"id":8}}', undefined],
  [`{"id":5,"result":${'['.repeat(1_000)}`, 5],
])('the id of a message that is not taken: %s', (text, id) => {
  expect(findId(text)).toBe(id);
});

it('JSON of others is parsed in one place', async () => {
  const root = resolve(import.meta.dirname, '../../src');
  const files = (await readdir(root, { recursive: true })).filter((file) => file.endsWith('.ts'));
  const parsing: string[] = [];
  for (const file of files) {
    const text = await readFile(resolve(root, file), 'utf8');
    if (/^(?!\s*(\*|\/\/|\/\*)).*(JSON\.parse|\.json\(\))/m.test(text)) parsing.push(file);
  }
  // The program's own log lines, its own package.json, the one that npx makes for it, and a single string of what was parsed.
  const strings = 'plugins/text/json-text.ts';
  expect(parsing.sort()).toEqual(['cli/words.ts', 'json/parse.ts', 'log.ts', strings, 'version.ts']);
});
