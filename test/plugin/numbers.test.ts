import { describe, expect, it } from 'vitest';
import { parseExactJson, writeJson } from '../../src/json/index.js';
import { WrittenNumbers } from '../../src/plugin/numbers.js';

/** What comes out where a plugin makes something else of what came in. */
function changed(text: string, change: (value: never) => unknown): string {
  const source = parseExactJson(text);
  const numbers = new WrittenNumbers();
  const answer = numbers.restore(change(numbers.plain(source) as never), source);
  return numbers.lost ? 'lost' : writeJson(answer);
}

type Any = Record<string, number> & {
  list: number[];
  rows: { n: number; id: number }[];
  inner: { n: number };
};

describe('a plugin in JavaScript', () => {
  it('sees the numbers of JavaScript', () => {
    const numbers = new WrittenNumbers();
    const seen = numbers.plain(
      parseExactJson('{"a":12345678901234567890,"b":1.0,"c":1e400,"d":-0,"e":[1e-05]}'),
    );
    expect(seen).toEqual({ a: 12345678901234567000, b: 1, c: Number.POSITIVE_INFINITY, d: -0, e: [1e-5] });
    expect(Object.values(seen as object).map((value) => typeof value)).toEqual([
      'number',
      'number',
      'number',
      'number',
      'object',
    ]);
  });

  it.each<[string, string, (value: Any) => unknown, string]>([
    [
      'changes the object itself',
      '{"a":1.0,"b":1e400,"c":2}',
      (v) => Object.assign(v, { c: 3 }),
      '{"a":1.0,"b":1e400,"c":3}',
    ],
    ['spreads it', '{"a":1.0,"b":-0,"c":"x"}', (v) => ({ ...v, c: 'y' }), '{"a":1.0,"b":-0,"c":"y"}'],
    [
      'copies all of it',
      '{"inner":{"n":12345678901234567890},"a":1.50}',
      (v) => structuredClone(v),
      '{"inner":{"n":12345678901234567890},"a":1.50}',
    ],
    [
      'writes and reads it',
      '{"inner":{"n":12345678901234567890}}',
      (v) => JSON.parse(JSON.stringify(v)),
      '{"inner":{"n":12345678901234567890}}',
    ],
    ['changes a number', '{"a":1.0,"b":2.0}', (v) => ({ ...v, a: 5 }), '{"a":5,"b":2.0}'],
    [
      'takes out what is before',
      '{"list":[1.0,2.0,3.0]}',
      (v) => ({ list: v.list.slice(1) }),
      '{"list":[2.0,3.0]}',
    ],
    [
      'puts one before',
      '{"list":[1e400,-1e400]}',
      (v) => ({ list: [0, ...v.list] }),
      '{"list":[0,1e400,-1e400]}',
    ],
    [
      'turns a list around',
      '{"list":[9007199254740993,1.0,7]}',
      (v) => ({ list: v.list.reverse() }),
      '{"list":[7,1.0,9007199254740993]}',
    ],
    [
      'filters objects',
      '{"rows":[{"n":1.0,"id":1},{"n":2.0,"id":2}]}',
      (v) => ({ rows: v.rows.filter(({ id }) => id === 2) }),
      '{"rows":[{"n":2.0,"id":2}]}',
    ],
    [
      'filters and copies objects',
      '{"rows":[{"n":1,"id":1},{"n":12345678901234567890,"id":2}]}',
      (v) => ({ rows: v.rows.slice(1).map((row) => ({ ...row })) }),
      '{"rows":[{"n":12345678901234567890,"id":2}]}',
    ],
    ['gives another name', '{"a":1e400}', (v) => ({ b: v['a'] }), '{"b":1e400}'],
    ['moves an object', '{"inner":{"n":1.0}}', (v) => ({ outer: [v.inner] }), '{"outer":[{"n":1.0}]}'],
    ['moves one of two that are the same to it', '{"a":1e400,"b":1e401}', (v) => ({ c: v['a'] }), 'lost'],
    [
      'moves a large one of two',
      '{"a":9007199254740993,"b":9007199254740992}',
      (v) => ({ c: v['a'] }),
      '{"c":9007199254740992}',
    ],
    [
      'leaves two that are the same to it',
      '{"a":1e400,"b":1e401}',
      (v) => ({ ...v }),
      '{"a":1e400,"b":1e401}',
    ],
    [
      'puts a number of its own where there was another',
      '{"a":1.0,"list":[1,1.0]}',
      (v) => ({ a: v['a'], list: [1, 1, 1] }),
      '{"a":1.0,"list":[1,1.0,1]}',
    ],
    [
      'puts one into an object that had none',
      '{"a":1e400,"inner":{}}',
      (v) => Object.assign(v, { inner: Object.assign(v.inner, { n: v['a'] }) }),
      '{"a":1e400,"inner":{"n":1e400}}',
    ],
    [
      'has a key __proto__',
      '{"__proto__":1.0,"a":{"__proto__":{"n":2.0}}}',
      (v) => ({ ...v }),
      '{"__proto__":1.0,"a":{"__proto__":{"n":2.0}}}',
    ],
    ['answers something else', '{"a":1.0}', () => 'no', '"no"'],
  ])('that %s leaves the other numbers alone', (_, text, change, expected) => {
    expect(changed(text, change as (value: never) => unknown)).toBe(expected);
  });
});
