import fc from 'fast-check';
import { expect, it } from 'vitest';
import { mergeChanges } from '../../src/manager/decide.js';

const base = { name: 't', args: { a: '1', b: '2', c: [1, 2] } };
const change = (plugin: string, args: object, more: object = {}) => ({
  plugin,
  value: { ...base, ...more, args },
});

it('[G6] different fields, at any depth, come together', () => {
  const merged = mergeChanges(base, [
    change('A', { ...base.args, a: 'x' }),
    change('B', { ...base.args, b: 'y', new: true }),
    change('C', base.args, { name: 'u' }),
  ]);
  expect(merged).toEqual({ value: { name: 'u', args: { a: 'x', b: 'y', c: [1, 2], new: true } } });
});

it('[G6] a field that one takes away is gone', () => {
  const { a: _a, ...without } = base.args;
  expect(mergeChanges(base, [change('A', without), change('B', { ...base.args, b: 'y' })])).toEqual({
    value: { name: 't', args: { b: 'y', c: [1, 2] } },
  });
});

it('[G6] the same field in two ways is a conflict that names both and the field', () => {
  expect(
    mergeChanges(base, [change('A', { ...base.args, a: 'x' }), change('B', { ...base.args, a: 'y' })]),
  ).toEqual({
    path: 'args.a',
    plugins: ['A', 'B'],
  });
  expect(
    mergeChanges(base, [change('A', { ...base.args, c: [1] }), change('B', { ...base.args, c: [2] })]),
  ).toEqual({
    path: 'args.c',
    plugins: ['A', 'B'],
  });
});

it('[G6] the same change twice is one change', () => {
  const same = { ...base.args, a: 'x' };
  expect(mergeChanges(base, [change('A', same), change('B', same)])).toEqual({
    value: { ...base, args: same },
  });
});

it('[G6] the order of the plugins makes no difference to what comes of it', () => {
  const dict = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.constantFrom(1, 2));
  fc.assert(
    fc.property(dict, dict, dict, (start, one, other) => {
      const [a, b] = [
        { plugin: 'A', value: one },
        { plugin: 'B', value: other },
      ];
      const [there, back] = [mergeChanges(start, [a, b]), mergeChanges(start, [b, a])];
      if ('value' in there) expect(back).toEqual(there);
      else expect(back).toHaveProperty('plugins');
    }),
  );
});

it('[G6] one change alone is that change', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (start, value) => {
      expect(mergeChanges(start, [{ plugin: 'A', value }])).toEqual({ value });
    }),
  );
});

it('[G6] fields that are named as what every object has are fields like any other', () => {
  const start = JSON.parse('{"__proto__": {"x": 1}, "toString": "a", "b": 1, "c": 1}') as object;
  const one = JSON.parse('{"__proto__": {"x": 1, "y": 2}, "b": 2, "c": 1}') as object;
  const other = JSON.parse(
    '{"__proto__": {"x": 1}, "toString": "a", "b": 1, "c": 2, "constructor": 3}',
  ) as object;
  const merged = mergeChanges(start, [
    { plugin: 'A', value: one },
    { plugin: 'B', value: other },
  ]);
  expect(JSON.stringify(merged)).toBe('{"value":{"__proto__":{"x":1,"y":2},"b":2,"c":2,"constructor":3}}');
});
