import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  advanceRotation,
  checkCertificates,
  ensureAll,
  renewCertificates,
  revokeCertificate,
  rotateCa,
  rotationStatus,
} from '../../src/pki/index.js';
import { judgedBy } from '../support/judges.js';
import { opensslVerify, temporaryFolder } from './folders.js';

const keyType = 'ec-p256';
const day = 86_400_000;
const waitMs = 7 * day;
const inDays = (days: number) => () => new Date(Date.now() + days * day);

async function certificates(): Promise<string> {
  const dir = temporaryFolder();
  await ensureAll(['One'], { dir, keyType, days: 90 });
  return dir;
}
const at = async (dir: string, days: number) =>
  (await advanceRotation({ dir, waitMs, now: inDays(days) })).done?.step;

describe('replacing the CA by itself', () => {
  judgedBy('openssl')(
    'begins with a third of its life left, and takes a step when the one before is everywhere and the wait is over',
    async () => {
      const dir = await certificates();
      const steps: [number, string | undefined][] = [];
      // A look a day, with the renewals that a keeper does beside it.
      for (let days = 540; days < 580; days += 1) {
        await renewCertificates({ dir, now: inDays(days) });
        const step = await at(dir, days);
        if (step !== undefined) steps.push([days, step]);
        expect((await checkCertificates({ dir, now: inDays(days), warnDays: 0 })).status).toBe(0);
      }
      const [[begin = 0] = []] = steps;
      expect(begin).toBeGreaterThanOrEqual(550);
      expect(begin).toBeLessThanOrEqual(551);
      expect(steps).toEqual([
        [begin, 'prepare'],
        [begin + 7, 'activate'],
        [begin + 14, 'retire'],
      ]);
      expect(readFileSync(join(dir, 'ca/ca.crt'), 'utf8').match(/BEGIN CERT/g)).toHaveLength(1);
    },
  );

  judgedBy('openssl')('ends with certificates that OpenSSL accepts', async () => {
    const dir = await certificates();
    for (const step of ['prepare', 'activate', 'retire'] as const) await rotateCa(step, { dir });
    expect(opensslVerify(join(dir, 'ca/ca.crt'), join(dir, 'gateway/client.crt'), 'sslclient')).toBe('OK');
  });

  it('says when it goes on', async () => {
    const dir = await certificates();
    const ends = async (days: number) =>
      Math.round(
        (((await advanceRotation({ dir, waitMs, now: inDays(days) })).dueAt?.getTime() ?? 0) - Date.now()) /
          day,
      );
    expect(await ends(0)).toBe(550);
    expect(await ends(600)).toBe(607);
    expect(await ends(603)).toBe(607);
    expect((await rotationStatus({ dir })).since?.getTime()).toBeCloseTo(inDays(600)().getTime(), -5);
  });

  it('a folder that the step has not reached gets it first, and the wait begins anew', async () => {
    const dir = await certificates();
    expect(await at(dir, 600)).toBe('prepare');
    const copy = join(dir, 'plugins/One/ca.crt');
    writeFileSync(
      copy,
      readFileSync(join(dir, 'ca/ca.crt'), 'utf8')
        .replace(/-----END[\s\S]*/, '$&')
        .split(/(?<=-----END CERTIFICATE-----\n)/)[0] ?? '',
    );
    expect(await at(dir, 606)).toBe('prepare');
    expect(await at(dir, 608)).toBe(undefined);
    expect(await at(dir, 613.5)).toBe('activate');
  });

  it('goes on with what was begun by hand, and finishes what was cut off', async () => {
    const dir = await certificates();
    await rotateCa('prepare', { dir });
    expect(await at(dir, 6)).toBe(undefined);
    const stop = new Error('cut off');
    const onChange = (path: string) => {
      if (path.endsWith('/ca/ca.crt')) throw stop;
    };
    await expect(advanceRotation({ dir, waitMs, now: inDays(8), onChange })).rejects.toBe(stop);
    expect((await rotationStatus({ dir })).phase).toBe('switching');
    expect(await at(dir, 8)).toBe('activate');
    expect(await at(dir, 14)).toBe(undefined);
    expect(await at(dir, 15.5)).toBe('retire');
  });

  it('is refused where somebody has to decide, and where the CA has ended', async () => {
    const dir = await certificates();
    await at(dir, 600);
    await revokeCertificate('One', { dir, now: inDays(600) });
    await expect(at(dir, 640)).rejects.toMatchObject({ code: 'SALLY_CA_ROTATE' });
    const ended = await certificates();
    await expect(at(ended, 900)).rejects.toMatchObject({
      code: 'SALLY_CA_UNUSABLE',
      remedy: expect.stringContaining('rm -rf'),
    });
  });
});
