import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DuePolicy, defaultDue, dueAt, keep, nextLook, parseExpiresIn } from '../../src/pki/index.js';

const hour = 3_600_000;
const day = 24 * hour;

describe('when a certificate is due', () => {
  const validity = { notBefore: new Date(0), notAfter: new Date(90 * day) };

  it.each<[string, number]>([
    ['30d', 60 * day],
    ['12h', 90 * day - 12 * hour],
    ['90m', 90 * day - 1.5 * hour],
    ['45s', 90 * day - 45_000],
    ['1.5d', 88.5 * day],
    ['25%', 67.5 * day],
    ['100%', 0],
    [' 75% ', 22.5 * day],
  ])('--expires-in %j', (text, at) => {
    expect(dueAt(validity, parseExpiresIn(text)).getTime()).toBe(at);
  });

  it('by default when a third of its life is left', () => {
    expect(dueAt(validity, defaultDue)).toEqual(new Date(60 * day));
  });

  it.each(['', 'soon', '30', '30 d', '0d', '0%', '101%', '-1d', '1w', '1e3d', '30d12h', '٣d'])(
    '%j is refused',
    (text) => {
      expect(() => parseExpiresIn(text)).toThrow(expect.objectContaining({ code: 'SALLY_CERT_EXPIRES_IN' }));
    },
  );

  const policies: fc.Arbitrary<DuePolicy> = fc.oneof(
    fc.integer({ min: 1, max: 1000 }).map((hours) => ({ kind: 'within' as const, ms: hours * hour })),
    fc.integer({ min: 1, max: 99 }).map((percent) => ({ kind: 'left' as const, fraction: percent / 100 })),
  );
  const times = fc.integer({ min: 0, max: 4_000_000_000_000 }).map((ms) => new Date(ms));

  it('never after its end, and the longer the later', () => {
    fc.assert(
      fc.property(times, fc.integer({ min: 1, max: 1000 }), policies, (notBefore, hours, policy) => {
        const end = (h: number) => new Date(notBefore.getTime() + h * hour);
        const at = (h: number) => dueAt({ notBefore, notAfter: end(h) }, policy);
        expect(at(hours).getTime()).toBeLessThan(end(hours).getTime());
        expect(at(hours + 1).getTime()).toBeGreaterThan(at(hours).getTime());
        if (policy.kind === 'left') expect(at(hours).getTime()).toBeGreaterThanOrEqual(notBefore.getTime());
      }),
    );
  });
});

describe('when a keeper looks next', () => {
  const now = new Date(1000 * day);
  const look = (dueIn: readonly number[], random = 0) =>
    nextLook({ now, dueAt: dueIn.map((ms) => new Date(now.getTime() + ms)), random });

  it.each<[string, readonly number[], number, number]>([
    ['when the first thing is due', [5 * hour, 2 * hour], 0, 2 * hour],
    ['every six hours at least', [50 * day], 0, 6 * hour],
    ['every six hours where there is nothing', [], 0, 6 * hour],
    ['in ten minutes where something stays due', [-1, hour], 0, hour / 6],
    ['not before a minute', [5], 0, 60_000],
    ['with up to a tenth more', [hour], 1, hour + hour / 10],
    ['with ten minutes more at most', [6 * hour], 1, 6 * hour + hour / 6],
  ])('%s', (_, dueIn, random, wait) => {
    expect(look(dueIn, random)).toBe(wait);
  });

  it('never before what is due, unless it looks anyway, and soon after it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -day, max: 30 * day }), { maxLength: 5 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (dueIn, random) => {
          const wait = look(dueIn, random);
          const first = Math.min(...dueIn);
          expect(wait).toBeGreaterThanOrEqual(60_000);
          expect(wait).toBeLessThanOrEqual(6 * hour + hour / 6);
          if (first > 0) expect(wait).toBeGreaterThanOrEqual(Math.min(first, 6 * hour));
          if (first > 0) expect(wait).toBeLessThanOrEqual(Math.max(first, 60_000) * 1.1 + 1);
        },
      ),
    );
  });

  it('looks, waits as long as that, looks again, and stops when it is told to', async () => {
    const stop = new AbortController();
    let clock = 0;
    const looks: number[] = [];
    await keep(
      {
        look: async () => {
          looks.push(clock);
          return [new Date((looks.length * 3 - 1) * hour)];
        },
        sleep: async (ms) => {
          clock += ms;
          if (looks.length === 3) stop.abort();
        },
        now: () => new Date(clock),
        random: () => 0,
      },
      stop.signal,
    );
    expect(looks).toEqual([0, 2 * hour, 5 * hour]);
  });
});
