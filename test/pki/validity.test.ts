import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dayMs, daysLeft, opensslDate, parseDays, validityOf } from '../../src/pki/validity.js';

const now = new Date('2026-01-15T10:30:45.678Z');

describe('days of validity', () => {
  it.each([
    ['1', 1],
    ['825', 825],
    [' 30 ', 30],
    ['36500', 36_500],
  ])('[C2] reads %j', (text, days) => {
    expect(parseDays(text)).toBe(days);
  });

  it.each(['', '0', '-5', '1.5', '1e3', '0x10', 'abc', '36501', '99999999999', '８２５', 'Infinity'])(
    '[C2,C9] refuses %j',
    (text) => {
      expect(() => parseDays(text)).toThrowError(
        expect.objectContaining({
          code: 'SALLY_CERT_DAYS',
          exitStatus: 2,
          message: expect.stringContaining(JSON.stringify(text)),
        }),
      );
    },
  );

  it('[C7] a number of days to warn before may be 0', () => {
    expect(parseDays('0', 0)).toBe(0);
  });
});

describe('validity', () => {
  it('[C2] begins five minutes back, and lasts the days to the second', () => {
    expect(validityOf({ now, days: 2 })).toEqual({
      notBefore: new Date('2026-01-15T10:25:45Z'),
      notAfter: new Date('2026-01-17T10:25:44Z'),
      shortened: false,
    });
  });

  it('never passes that of the CA', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 36_500 }),
        fc.integer({ min: 1, max: 36_500 }),
        (days, caDays) => {
          const ca = validityOf({ now, days: caDays });
          const leaf = validityOf({ now, days, ca });
          expect(leaf.notAfter.getTime()).toBeLessThanOrEqual(ca.notAfter.getTime());
          expect(leaf.notBefore.getTime()).toBeGreaterThanOrEqual(ca.notBefore.getTime());
          expect(leaf.shortened).toBe(days > caDays);
        },
      ),
    );
  });

  it('that a CA was made some seconds before its leaf does not count as shortened', () => {
    const ca = validityOf({ now: new Date(now.getTime() - 50_000), days: 825 });
    expect(validityOf({ now, days: 825, ca }).shortened).toBe(false);
  });
});

describe('dates as shown', () => {
  it('[C7] have the form that OpenSSL prints', () => {
    expect(opensslDate(new Date('2027-01-15T10:30:45Z'))).toBe('Jan 15 10:30:45 2027 GMT');
    expect(opensslDate(new Date('2027-12-05T00:00:00Z'))).toBe('Dec  5 00:00:00 2027 GMT');
  });

  it('[C7] remaining days are whole ones, negative after the end', () => {
    expect(daysLeft(new Date(now.getTime() + 2 * dayMs - 1), now)).toBe(1);
    expect(daysLeft(new Date(now.getTime() - 1), now)).toBe(-1);
  });
});
