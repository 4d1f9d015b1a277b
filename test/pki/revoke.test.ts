import { X509Certificate } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  checkCertificates,
  ensureAll,
  ensureCa,
  ensurePlugin,
  parseReason,
  readCrls,
  refreshCrl,
  renewCertificates,
  revocationReasons,
  revokeCertificate,
  rotateCa,
} from '../../src/pki/index.js';
import { judgedBy } from '../support/judges.js';
import { opensslCa, snapshot, temporaryFolder } from './folders.js';
import { crlText, gnutlsAccepts, listsVerify, opensslAccepts } from './judges.js';

const keyType = 'ec-p256';
const day = 86_400_000;
const inDays = (days: number) => () => new Date(Date.now() + days * day);

async function certificates(type: 'ec-p256' | 'rsa-4096' | 'ed25519' = keyType): Promise<string> {
  const dir = temporaryFolder();
  await ensureCa({ dir, keyType: type });
  await ensureAll(['One', 'Two'], { dir, keyType });
  return dir;
}
const crt = (dir: string, name: string) => join(dir, 'plugins', name, 'server.crt');
const serial = (path: string) => new X509Certificate(readFileSync(path)).serialNumber;

describe('revoking a certificate', () => {
  judgedBy('openssl', 'certtool').each(['ec-p256', 'rsa-4096', 'ed25519'] as const)(
    'two TLS stacks refuse it from then on, and no other; the CA has a key of type %s',
    async (type) => {
      const dir = await certificates(type);
      const { crl } = await revokeCertificate('One', { dir, reason: 'keyCompromise' });
      const copies = ['ca', 'gateway', 'plugins/One', 'plugins/Two'].map((folder) =>
        join(dir, folder, 'ca.crl'),
      );
      expect(crl.made).toEqual(copies);
      for (const copy of copies) expect(readFileSync(copy)).toEqual(readFileSync(copies[0] ?? ''));
      const [ca, list] = [join(dir, 'ca/ca.crt'), join(dir, 'ca/ca.crl')];
      for (const accepts of [opensslAccepts, gnutlsAccepts]) {
        expect(accepts(crt(dir, 'One'), ca, list)).toBe(false);
        expect(accepts(crt(dir, 'One'), ca)).toBe(true);
        expect(accepts(crt(dir, 'Two'), ca, list)).toBe(true);
        expect(accepts(join(dir, 'gateway/client.crt'), ca, list)).toBe(true);
      }
      expect(listsVerify(list, ca)).toEqual({ openssl: true, gnutls: true, lists: 1 });
      expect(crlText(list)).toMatch(
        /Version 2 \(0x1\)[\s\S]*Authority Key Identifier[\s\S]*CRL Number: \s+1\n/,
      );
      expect(crlText(list)).toContain(`Serial Number: ${serial(crt(dir, 'One'))}`);
      expect(crlText(list)).toMatch(/CRL Reason Code: \s+Key Compromise/);
    },
  );

  it('each list has a higher number, and keeps what was on the one before', async () => {
    const dir = await certificates();
    await revokeCertificate('One', { dir });
    await revokeCertificate('gateway', { dir, reason: 'superseded' });
    const [list] = (await readCrls(dir)) ?? [];
    expect(list?.number).toBe('2');
    expect(list?.revoked.map(({ reason }) => reason)).toEqual([0, 4]);
  });

  it('takes a name, a file, and the number of what is in no folder any more', async () => {
    const dir = await certificates();
    const old = serial(crt(dir, 'One'));
    await renewCertificates({ dir, names: ['One'], force: true });
    expect(serial(crt(dir, 'One'))).not.toBe(old);
    const spelt = `0x${old.toLowerCase().replaceAll(/(..)(?=.)/g, '$1:')}`;
    expect(await revokeCertificate(spelt, { dir })).toMatchObject({
      name: 'One',
      serial: old.replace(/^0+/, ''),
    });
    expect(await revokeCertificate(crt(dir, 'Two'), { dir })).toMatchObject({ name: crt(dir, 'Two') });
    const gone = serial(crt(dir, 'One'));
    rmSync(join(dir, 'plugins/One'), { recursive: true });
    expect(await revokeCertificate(gone, { dir })).toMatchObject({ name: 'One' });
    expect((await readCrls(dir))?.[0]?.revoked).toHaveLength(3);
  });

  it('finds the number of a certificate in a folder without the list of what was issued', async () => {
    const dir = await certificates();
    rmSync(join(dir, 'issued.jsonl'));
    expect(await revokeCertificate(serial(crt(dir, 'Two')), { dir })).toMatchObject({ name: 'Two' });
  });

  it.each<[string, (dir: string) => string | Promise<string>, string]>([
    ['a name that is unknown', () => 'Three', 'SALLY_CERT_UNKNOWN'],
    ['a number that was not issued', () => 'ABCDEF0123', 'SALLY_CERT_UNKNOWN'],
    ['a file that is no certificate', (dir) => join(dir, 'gateway/client.key'), 'SALLY_CERT_UNKNOWN'],
    ['the CA itself', (dir) => join(dir, 'ca/ca.crt'), 'SALLY_CERT_FOREIGN'],
    ['a certificate of another CA', async () => crt(await certificates(), 'One'), 'SALLY_CERT_FOREIGN'],
    [
      'what is revoked already',
      async (dir) => {
        await revokeCertificate('One', { dir });
        return crt(dir, 'One');
      },
      'SALLY_CERT_ALREADY_REVOKED',
    ],
  ])('%s is an error that says so', async (_, what, code) => {
    const dir = await certificates();
    const named = await what(dir);
    const before = snapshot(dir);
    await expect(revokeCertificate(named, { dir })).rejects.toMatchObject({
      code,
      remedy: expect.stringMatching(/\S/),
    });
    expect(snapshot(dir)).toEqual(before);
  });

  it('a certificate of a CA that was retired is known, and of no CA here', async () => {
    const dir = await certificates();
    const old = serial(crt(dir, 'One'));
    for (const step of ['prepare', 'activate', 'retire'] as const) await rotateCa(step, { dir });
    await expect(revokeCertificate(old, { dir })).rejects.toMatchObject({
      code: 'SALLY_CERT_FOREIGN',
      message: expect.stringContaining('retired'),
    });
  });

  it('while the CA is replaced, the list of the CA that issued it names it', async () => {
    const dir = await certificates();
    const old = serial(crt(dir, 'One'));
    await rotateCa('prepare', { dir });
    await rotateCa('activate', { dir });
    await revokeCertificate(old, { dir });
    await revokeCertificate('Two', { dir });
    const lists = (await readCrls(dir)) ?? [];
    expect(lists.map(({ issuer, revoked }) => [issuer, revoked.length])).toEqual([
      ['CN=Sallyport MCP CA G2, O=Sallyport', 1],
      ['CN=Sallyport MCP CA, O=Sallyport', 1],
    ]);
  });

  it('renewal leaves it alone until it is named and forced, and then it is good again', async () => {
    const dir = await certificates();
    await revokeCertificate('One', { dir });
    for (const options of [{}, { force: true }, { names: ['One'] }]) {
      const results = await renewCertificates({ dir, ...options });
      expect(results.find(({ name }) => name === 'One')).toMatchObject({
        outcome: 'kept',
        notes: [expect.stringContaining('sallyport certs renew One --force')],
      });
    }
    const [, one] = (await checkCertificates({ dir })).entries.slice(1);
    expect(one).toMatchObject({ name: 'One', verdict: 'revoked' });
    await renewCertificates({ dir, names: ['One'], force: true });
    expect((await checkCertificates({ dir })).status).toBe(0);
  });

  it('needs the key of the CA, and says which', async () => {
    const dir = await certificates();
    rmSync(join(dir, 'ca/ca.key'));
    await expect(revokeCertificate('One', { dir })).rejects.toMatchObject({
      code: 'SALLY_CA_UNUSABLE',
      remedy: expect.stringContaining(join(dir, 'ca/ca.key')),
    });
    expect(existsSync(join(dir, 'ca/ca.crl'))).toBe(false);
  });

  it('a list that is broken is not written over: what was revoked is known from there alone', async () => {
    const dir = await certificates();
    const broken = '-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n';
    writeFileSync(join(dir, 'ca/ca.crl'), broken);
    await expect(revokeCertificate('One', { dir })).rejects.toMatchObject({ code: 'SALLY_CERT_CRL' });
    expect(readFileSync(join(dir, 'ca/ca.crl'), 'utf8')).toBe(broken);
    expect((await checkCertificates({ dir })).entries[0]).toMatchObject({ verdict: 'ca.crl unusable' });
  });

  judgedBy('openssl')("another tool's CA that may not sign lists is told so", async () => {
    const dir = temporaryFolder();
    mkdirSync(join(dir, 'ca'));
    opensslCa(join(dir, 'ca'), [
      'basicConstraints=critical,CA:TRUE',
      'keyUsage=critical,keyCertSign',
      'subjectKeyIdentifier=hash',
    ]);
    await ensurePlugin('One', { dir, keyType });
    await expect(revokeCertificate('One', { dir })).rejects.toMatchObject({
      code: 'SALLY_CERT_CRL',
      message: expect.stringContaining('cRLSign'),
    });
  });

  it('knows the reasons of RFC 5280 that are for good', () => {
    expect(parseReason(' KeyCompromise')).toBe('keyCompromise');
    for (const word of ['certificateHold', 'removeFromCRL', 'stolen', ''])
      expect(() => parseReason(word)).toThrow(expect.objectContaining({ code: 'SALLY_CERT_REASON' }));
    expect(revocationReasons).toHaveLength(6);
  });
});

describe('the revocation list', () => {
  it('is begun empty, kept while it is fresh, and signed anew in the last third of its life', async () => {
    const dir = await certificates();
    expect((await refreshCrl({ dir })).made).toHaveLength(4);
    expect((await refreshCrl({ dir, now: inDays(19) })).made).toEqual([]);
    const { made, lists } = await refreshCrl({ dir, now: inDays(21), days: 7 });
    expect(made).toHaveLength(4);
    expect(lists).toMatchObject([{ number: '2', revoked: [] }]);
    expect((await refreshCrl({ dir, now: inDays(21), force: true })).lists[0]?.number).toBe('3');
  });

  it('reaches folders that are made later, and those that lost it', async () => {
    const dir = await certificates();
    await refreshCrl({ dir });
    await ensurePlugin('New', { dir, keyType });
    expect(readFileSync(join(dir, 'plugins/New/ca.crl'))).toEqual(readFileSync(join(dir, 'ca/ca.crl')));
    rmSync(join(dir, 'gateway/ca.crl'));
    expect((await checkCertificates({ dir })).entries[1]).toMatchObject({ verdict: 'ca.crl differs' });
    expect((await refreshCrl({ dir })).made).toEqual([join(dir, 'gateway/ca.crl')]);
  });

  it.each([
    [19, 'ok', 0],
    [21, 'ca.crl expires soon', 1],
    [31, 'ca.crl expired', 3],
  ])('certs check, %i days after a list of 30 was made: %s', async (days, verdict, status) => {
    const dir = await certificates();
    await refreshCrl({ dir });
    const report = await checkCertificates({ dir, now: inDays(days) });
    expect(report.entries[0]?.verdict).toBe(verdict);
    expect(report.status).toBe(status);
    expect(report.crls).toHaveLength(1);
  });

  it('of a CA that was thrown away is replaced by that of the new one', async () => {
    const [dir, other] = [await certificates(), await certificates()];
    await revokeCertificate('One', { dir: other });
    copyFileSync(join(other, 'ca/ca.crl'), join(dir, 'ca/ca.crl'));
    const { lists } = await refreshCrl({ dir });
    expect(lists).toMatchObject([{ number: '1', revoked: [] }]);
  });
});
