import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergeChanges } from '../../../src/gateway/router/hooks.js';

/** The same value, with the keys of every object turned around. */
function reordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reordered);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, inner]) => [key, reordered(inner)]),
  );
}

describe('what a plugin answered', () => {
  it('leaves byte for byte as it came what it did not touch, in whatever order it answers', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const parsed: unknown = JSON.parse(JSON.stringify(value));
        expect(JSON.stringify(mergeChanges(parsed, reordered(parsed)))).toBe(JSON.stringify(parsed));
      }),
    );
  });

  it('is what the other side gets', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (before, after) => {
        const [one, other]: unknown[] = [before, after].map((value) => JSON.parse(JSON.stringify(value)));
        expect(mergeChanges(one, other)).toEqual(other);
      }),
    );
  });

  it('changes a field in its place, adds behind, and takes away', () => {
    const before = { a: 1, b: { c: [1, { d: 2 }] }, e: 3 };
    const after = { f: 9, b: { c: [1, { d: 5 }] }, a: 1 };
    expect(JSON.stringify(mergeChanges(before, after))).toBe('{"a":1,"b":{"c":[1,{"d":5}]},"f":9}');
  });

  it('has no nulls for the absent fields of types, and keeps those that were there', () => {
    const before = { text: 'a', data: { x: null } };
    const structuredContent = { none: null };
    const after = {
      data: { x: null },
      text: 'b',
      annotations: null,
      list: [{ _meta: null }],
      structuredContent,
    };
    expect(mergeChanges(before, after, true)).toEqual({
      text: 'b',
      data: { x: null },
      list: [{}],
      structuredContent,
    });
    expect(mergeChanges(before, after)).toEqual(after);
  });

  it('takes __proto__ for a key like any other', () => {
    const value: unknown = JSON.parse('{"__proto__":{"a":1}}');
    expect(JSON.stringify(mergeChanges({}, value))).toBe('{"__proto__":{"a":1}}');
  });
});
