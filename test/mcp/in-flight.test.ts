import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Running } from '../../src/mcp/requests.js';

describe('what is under way', () => {
  it('is what a Set holds, in its order, whatever comes and goes', () => {
    const step = fc.oneof(fc.constant('add' as const), fc.nat({ max: 20 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const list = new Running<number>();
        const set = new Set<number>();
        const removers: (() => void)[] = [];
        for (const one of steps) {
          if (one === 'add') {
            set.add(removers.length);
            removers.push(list.add(removers.length));
          } else {
            // Also what is out already.
            removers[one]?.();
            set.delete(one);
          }
          expect([...list]).toEqual([...set]);
          for (const wanted of set) expect(list.find((item) => item === wanted)).toBe(wanted);
        }
      }),
    );
  });

  it('can be let go of while it is gone through', () => {
    const list = new Running<number>();
    const removers = [1, 2, 3].map((item) => list.add(item));
    const seen: number[] = [];
    for (const item of list) {
      seen.push(item);
      for (const remove of removers) remove();
    }
    expect([seen, [...list], list.find(() => true)]).toEqual([[1, 2, 3], [], undefined]);
  });
});
