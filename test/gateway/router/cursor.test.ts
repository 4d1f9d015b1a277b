import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCursor, writeCursor } from '../../../src/gateway/router/list-pages.js';

const place = fc.uniqueArray(
  fc.record({ upstream: fc.string(), cursor: fc.string() }, { requiredKeys: ['upstream'] }),
  { minLength: 1, maxLength: 5, selector: ({ upstream }) => upstream },
);

describe('a cursor', () => {
  it('says where the list goes on, whatever the upstreams’ own cursors are', () => {
    fc.assert(
      fc.property(place, (value) => {
        expect(readCursor(writeCursor(value))).toEqual(value);
      }),
    );
  });

  it('is refused where it was not given out here', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(readCursor(text)).toBeUndefined();
      }),
    );
    const written = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    for (const value of [
      [],
      {},
      null,
      [['a']],
      [['a', 1]],
      [['a', null, 0]],
      [
        ['a', 'x'],
        ['a', 'y'],
      ],
      'a',
    ]) {
      expect(readCursor(written(value))).toBeUndefined();
    }
    expect(readCursor(7)).toBeUndefined();
    expect(readCursor('A'.repeat(20_000))).toBeUndefined();
  });
});
