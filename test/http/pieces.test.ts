import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Pieces } from '../../src/http/message.js';

describe('pieces', () => {
  it('are what came, in its order, whenever they are looked at, without what was let go of', () => {
    const step = fc.oneof(
      fc.record({ add: fc.uint8Array({ maxLength: 8 }) }),
      fc.record({ drop: fc.nat({ max: 12 }) }),
      fc.constant('whole' as const),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const pieces = new Pieces();
        let expected = Buffer.alloc(0);
        for (const one of steps) {
          if (one === 'whole') pieces.whole();
          else if ('add' in one) {
            pieces.add(Buffer.from(one.add));
            expected = Buffer.concat([expected, one.add]);
          } else {
            pieces.drop(one.drop);
            expected = expected.subarray(one.drop);
          }
          expect(pieces.length).toBe(expected.length);
        }
        expect(pieces.whole().equals(expected)).toBe(true);
      }),
    );
  });

  it('a megabyte that comes byte by byte is held in some thousand pieces', () => {
    const pieces = new Pieces();
    for (let i = 0; i < 1_000_000; i += 1) pieces.add(Buffer.of(i % 251));
    expect(pieces.held).toBeLessThan(5_000);
    const whole = pieces.whole();
    expect(whole).toHaveLength(1_000_000);
    expect(whole.every((byte, i) => byte === i % 251)).toBe(true);
  });
});
