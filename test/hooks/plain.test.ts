import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonCopy } from '../../src/hooks/index.js';
import { anything, refused } from '../support/anything.js';

/** What JSON itself makes of a value; undefined where it cannot be written. */
function throughText(value: unknown): { data: unknown } | undefined {
  try {
    const text = JSON.stringify(value) as string | undefined;
    return { data: text === undefined ? undefined : JSON.parse(text) };
  } catch {
    return undefined;
  }
}

const objectsIn = (value: unknown): object[] =>
  typeof value === 'object' && value !== null ? [value, ...Object.values(value).flatMap(objectsIn)] : [];

const nested = (levels: number): unknown => {
  let value: unknown = 'leaf';
  for (let i = 0; i < levels; i += 1) value = i % 2 === 0 ? [value] : { value };
  return value;
};

describe('a copy by way of JSON', () => {
  it('[S9] is what JSON makes of a value, of any value', () => {
    fc.assert(
      fc.property(anything, (value) => {
        const copy = jsonCopy(value);
        const text = throughText(value);
        expect(copy.ok).toBe(text !== undefined);
        // Also an own __proto__ and the order of keys: what is written of both is the same.
        if (copy.ok) {
          expect(copy.data).toStrictEqual(text?.data);
          expect(JSON.stringify(copy.data)).toBe(JSON.stringify(text?.data));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('[S9] shares nothing with it', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const copy = jsonCopy(value);
        const given = new Set(objectsIn(value));
        expect(copy.ok && objectsIn(copy.data).filter((one) => given.has(one))).toEqual([]);
      }),
    );
  });

  it.each<[string, () => unknown, RegExp]>(refused)('[S9] is refused for %s', (_what, make, reason) => {
    const copy = jsonCopy({ name: 't', args: { value: make() } });
    expect(copy).toEqual({ ok: false, problems: [expect.stringMatching(reason)] });
  });

  it('[S9] is refused below 72 levels, the message around it counted, whatever makes them', () => {
    for (const make of [nested, (levels: number) => ({ toJSON: () => nested(levels) })]) {
      expect(jsonCopy(make(72))).toMatchObject({ ok: true });
      expect(jsonCopy(make(73))).toEqual({ ok: false, problems: ['it is nested deeper than 72 levels'] });
      expect(jsonCopy(make(70), 2)).toMatchObject({ ok: true });
      expect(jsonCopy(make(71), 2)).toMatchObject({ ok: false });
    }
  });
});
