import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deepCopy, jsonProblem } from '../../src/hooks/index.js';

const anything = fc.anything({
  maxDepth: 4,
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withNullPrototype: true,
  withSparseArray: true,
  withTypedArray: true,
});

describe('a deep copy', () => {
  it('[S9] is what structuredClone makes, and shares nothing', () => {
    fc.assert(
      fc.property(anything, (value) => {
        const copy = deepCopy(value);
        expect(copy).toEqual(structuredClone(value));
        if (typeof value === 'object' && value !== null) expect(copy).not.toBe(value);
      }),
      { numRuns: 500 },
    );
  });

  it('[S9] takes circles, and an own __proto__ as the field that it is', () => {
    const circle: Record<string, unknown> = { name: 'c' };
    circle['self'] = circle;
    const copy = deepCopy(circle);
    expect(copy['self']).toBe(copy);
    const odd = JSON.parse('{"__proto__":{"polluted":true}}') as Record<string, unknown>;
    expect((deepCopy(odd) as { polluted?: unknown }).polluted).toBeUndefined();
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('[S9] refuses a function', () => {
    expect(() => deepCopy({ run: () => {} })).toThrow(/could not be cloned/);
  });
});

describe('what is JSON', () => {
  it('[S9] is what can be written', () => {
    const circle: unknown[] = [];
    circle.push(circle);
    const odd = fc.constantFrom(circle, { toJSON: () => 1n }, { toJSON: () => 'text' });
    fc.assert(
      fc.property(fc.oneof(anything, odd), (value) => {
        let written = true;
        try {
          JSON.stringify(value);
        } catch {
          written = false;
        }
        expect(jsonProblem(value) === undefined).toBe(written);
      }),
      { numRuns: 500 },
    );
  });
});
