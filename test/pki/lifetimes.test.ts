import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  checkCertificates,
  ensureAll,
  ensureCa,
  ensureGateway,
  ensurePlugin,
  renewCertificates,
  rotateCa,
} from '../../src/pki/index.js';
import { judgedBy } from '../support/judges.js';
import { temporaryFolder } from './folders.js';

const keyType = 'ec-p256';
const day = 86_400_000;
const inDays = (days: number) => () => new Date(Date.now() + days * day);

/** From when until when a certificate is valid, as OpenSSL has it. */
function dates(path: string): readonly [number, number] {
  const out = execFileSync('openssl', ['x509', '-in', path, '-noout', '-dates'], { encoding: 'utf8' });
  const [from = 0, until = 0] = [...out.matchAll(/=(.*)/g)].map(([, date]) => Date.parse(date ?? ''));
  return [from, until];
}
const lifeOf = (path: string): number => {
  const [from, until] = dates(path);
  return until - from;
};

describe('how long certificates live', () => {
  judgedBy('openssl')(
    '[C2] to the second as long as asked, from five minutes before they are made',
    async () => {
      const dir = temporaryFolder();
      const before = Date.now();
      await ensureCa({ dir, keyType, days: 1000 });
      await ensureAll(['One'], { dir, keyType, days: 90 });
      for (const [path, days] of [
        ['ca/ca.crt', 1000],
        ['gateway/client.crt', 90],
        ['plugins/One/server.crt', 90],
      ] as const) {
        const [from, until] = dates(join(dir, path));
        expect(until - from).toBe(days * day - 1000);
        expect(Math.abs(from - (before - 300_000))).toBeLessThan(60_000);
      }
      // What follows a certificate lives as long as that.
      await renewCertificates({ dir, force: true });
      expect(lifeOf(join(dir, 'gateway/client.crt'))).toBe(90 * day - 1000);
    },
  );

  judgedBy('openssl')(
    '[C2] a CA that is made on the way outlives its leaves; one that is asked for is exact',
    async () => {
      for (const make of [
        (dir: string) => ensureGateway({ dir, keyType, days: 90 }),
        (dir: string) => ensurePlugin('One', { dir, keyType, days: 90 }),
        (dir: string) => ensureAll(['One'], { dir, keyType, days: 90 }),
      ]) {
        const dir = temporaryFolder();
        await make(dir);
        expect(lifeOf(join(dir, 'ca/ca.crt'))).toBe(825 * day - 1000);
      }
      const long = temporaryFolder();
      await ensureAll([], { dir: long, keyType, days: 900 });
      expect(lifeOf(join(long, 'ca/ca.crt'))).toBe(900 * day - 1000);
      const exact = temporaryFolder();
      await ensureCa({ dir: exact, keyType, days: 90 });
      expect(lifeOf(join(exact, 'ca/ca.crt'))).toBe(90 * day - 1000);
    },
  );
});

describe('where the CA ends before a leaf should', () => {
  const short = async (days: number) => {
    const dir = temporaryFolder();
    await ensureCa({ dir, keyType, days });
    await ensureAll([], { dir, keyType, days: 90 });
    return dir;
  };

  it('a renewal that gains nothing is not made, and is told with what replaces the CA', async () => {
    const dir = await short(90);
    const [gateway] = await renewCertificates({ dir, now: inDays(61) });
    expect(gateway).toMatchObject({ outcome: 'kept', endsWithCa: true });
    expect(gateway?.notes.join()).toContain('certs ca-rotate prepare');
    expect((await renewCertificates({ dir, now: inDays(30) }))[0]?.endsWithCa).toBe(undefined);
  });

  it('one that is cut short is made, and is told as well', async () => {
    const dir = await short(140);
    const [gateway] = await renewCertificates({ dir, now: inDays(61) });
    expect(gateway).toMatchObject({ outcome: 'renewed', endsWithCa: true });
    expect(gateway?.notes.join()).toMatch(
      /ends with its CA on .*before the 90 days are over.*ca-rotate prepare/,
    );
  });

  it('the remedy mends it, for a CA that was as short as its leaves too', async () => {
    const dir = await short(90);
    const now = inDays(61);
    for (const step of ['prepare', 'activate', 'retire'] as const) await rotateCa(step, { dir, now });
    const [gateway] = await renewCertificates({ dir, now, force: true });
    expect(gateway).toMatchObject({ outcome: 'renewed', notes: [] });
    expect((await checkCertificates({ dir, now })).status).toBe(0);
  });

  it('a CA that has ended is not to be rotated any more: it is to be made anew', async () => {
    const dir = await short(90);
    const [gateway] = await renewCertificates({ dir, now: inDays(100) });
    expect(gateway).toMatchObject({ outcome: 'kept', endsWithCa: true });
    expect(gateway?.notes.join()).toContain('to start anew: rm -rf ');
  });

  it('`check` says it from when a third of its life is left, whatever the leaves are', async () => {
    const dir = temporaryFolder();
    await ensureAll([], { dir, keyType, days: 90 });
    const at = async (days: number) => {
      await renewCertificates({ dir, now: inDays(days), force: true });
      const { entries, status } = await checkCertificates({ dir, now: inDays(days) });
      return { status, ...entries.find(({ role }) => role === 'ca') };
    };
    expect(await at(548)).toMatchObject({ status: 0, verdict: 'ok' });
    expect(await at(551)).toMatchObject({
      status: 1,
      verdict: 'expires soon',
      remedy: expect.stringContaining('certs ca-rotate prepare'),
    });
    await rotateCa('prepare', { dir, now: inDays(551) });
    expect(await at(551)).toMatchObject({ remedy: expect.stringContaining('certs ca-rotate status') });
  });
});
