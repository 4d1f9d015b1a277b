import { createPrivateKey } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type CheckReport,
  checkCertificates,
  ensureAll,
  ensureCa,
  ensurePlugin,
  type Issued,
  issueLeaf,
  refreshCrl,
  renewCertificates,
} from '../../src/pki/index.js';
import { rsaKey } from '../support/certs.js';
import { pluginLeaf } from '../support/trust.js';
import { resigned } from '../tls/made.js';
import { temporaryFolder } from './folders.js';

const keyType = 'ec-p256';
const day = 86_400_000;
const inDays = (days: number) => () => new Date(Date.now() + days * day);
const verdicts = (report: CheckReport) =>
  Object.fromEntries(report.entries.map(({ name, verdict }) => [name, verdict]));

async function certificates(): Promise<string> {
  const dir = temporaryFolder();
  await ensureCa({ dir, keyType, days: 100 });
  await ensureAll(['One', 'Two'], { dir, keyType, days: 100 });
  return dir;
}

describe('checking certificates', () => {
  it('[C7] fine ones: status 0, with the days that remain', async () => {
    const report = await checkCertificates({ dir: await certificates() });
    expect(report.status).toBe(0);
    expect(
      report.entries.map(({ role, name, verdict, daysLeft }) => [role, name, verdict, daysLeft]),
    ).toEqual([
      ['ca', 'ca', 'ok', 99],
      ['gateway', 'gateway', 'ok', 99],
      ['plugin', 'One', 'ok', 99],
      ['plugin', 'Two', 'ok', 99],
    ]);
  });

  it.each([
    [-1, 'not yet valid', 1],
    [66, 'ok', 0],
    [71, 'expires soon', 1],
    [101, 'expired', 1],
  ])('[C7] seen in %i days: %s, status %i', async (days, verdict, status) => {
    const report = await checkCertificates({ dir: await certificates(), now: inDays(days) });
    expect(report.status).toBe(status);
    expect(new Set(Object.values(verdicts(report)))).toEqual(new Set([verdict]));
    for (const { remedy } of report.entries) expect(remedy === undefined).toBe(verdict === 'ok');
  });

  it('[C7] an empty folder, or none: no entries and status 3', async () => {
    const dir = temporaryFolder();
    mkdirSync(join(dir, 'plugins/Empty'), { recursive: true });
    expect(await checkCertificates({ dir })).toEqual({ dir, entries: [], notes: [], status: 3 });
    expect((await checkCertificates({ dir: join(dir, 'none') })).status).toBe(3);
  });

  it('a gateway that is not there yet is no finding', async () => {
    const dir = temporaryFolder();
    await ensurePlugin('One', { dir, keyType });
    expect(verdicts(await checkCertificates({ dir }))).toEqual({ ca: 'ok', One: 'ok' });
  });

  it('a weak certificate is named with the command that mends it', async () => {
    const dir = await certificates();
    const read = (name: string) => readFileSync(join(dir, 'ca', name), 'utf8');
    const root = { certPem: read('ca.crt'), keyPem: read('ca.key') };
    const place = (name: string, { certPem, keyPem }: Issued) => {
      writeFileSync(join(dir, 'plugins', name, 'server.crt'), certPem);
      writeFileSync(join(dir, 'plugins', name, 'server.key'), keyPem);
    };
    place('One', await pluginLeaf(root, 'One', { keyPem: rsaKey(1024) }));
    place('Two', resigned(await pluginLeaf(root, 'Two'), root, { hash: 'sha1', ca: true }));
    const { entries, status } = await checkCertificates({ dir });
    expect(status).toBe(3);
    expect(entries.slice(2)).toMatchObject([
      { name: 'One', verdict: 'weak', remedy: `sallyport certs renew One --force --dir ${dir}` },
      { name: 'Two', verdict: 'weak', findings: [{ detail: expect.stringContaining('SHA-1') }] },
    ]);
    // Nobody has to force it: a weak certificate is due.
    const renewed = await renewCertificates({ dir });
    expect(renewed.filter(({ outcome }) => outcome === 'renewed').map(({ name }) => name)).toEqual([
      'One',
      'Two',
    ]);
    expect((await checkCertificates({ dir })).status).toBe(0);
  });

  it('a CA whose key is kept elsewhere is fine', async () => {
    const dir = await certificates();
    rmSync(join(dir, 'ca/ca.key'));
    expect((await checkCertificates({ dir })).status).toBe(0);
  });

  it('a host that has only its own folders is fine, and one that has nothing of the CA is not', async () => {
    const dir = await certificates();
    for (const gone of ['ca', 'issued.jsonl']) rmSync(join(dir, gone), { recursive: true });
    rmSync(join(dir, 'gateway'), { recursive: true });
    const report = await checkCertificates({ dir });
    expect(report.status).toBe(0);
    expect(report.notes).toEqual([expect.stringMatching(/^the CA is elsewhere/)]);
    expect(report.entries.map(({ name, path, verdict }) => [name, path, verdict])).toEqual([
      ['ca', join(dir, 'plugins/One/ca.crt'), 'ok'],
      ['One', join(dir, 'plugins/One/server.crt'), 'ok'],
      ['Two', join(dir, 'plugins/Two/server.crt'), 'ok'],
    ]);
    for (const name of ['One', 'Two']) rmSync(join(dir, 'plugins', name, 'ca.crt'));
    expect(verdicts(await checkCertificates({ dir }))).toMatchObject({ ca: 'missing', One: 'incomplete' });
  });

  it('where the CA is elsewhere, its end and that of its list of the revoked count as well', async () => {
    const dir = await certificates();
    await refreshCrl({ dir, days: 30 });
    for (const gone of ['ca', 'issued.jsonl']) rmSync(join(dir, gone), { recursive: true });
    const seen = async (days: number) => {
      const { entries, status } = await checkCertificates({ dir, now: inDays(days) });
      return [status, entries[0]?.findings.map(({ verdict }) => verdict)];
    };
    expect(await seen(0)).toEqual([0, []]);
    expect(await seen(31)).toEqual([3, ['ca.crl expired']]);
    expect(await seen(40_000)).toMatchObject([3, expect.arrayContaining(['expired'])]);
  });

  it('where the CA is elsewhere, a folder of another CA is told, and to get it from there', async () => {
    const dir = await certificates();
    const other = temporaryFolder();
    await ensurePlugin('Two', { dir: other, keyType });
    for (const gone of ['ca', 'issued.jsonl']) rmSync(join(dir, gone), { recursive: true });
    cpSync(join(other, 'plugins/Two'), join(dir, 'plugins/Two'), { recursive: true });
    const { entries } = await checkCertificates({ dir });
    expect(entries.map(({ name, verdict }) => [name, verdict])).toEqual([
      ['ca', 'ok'],
      ['gateway', 'ok'],
      ['One', 'ok'],
      ['Two', 'not issued by this CA'],
    ]);
    expect(entries[3]?.remedy).toBe(
      "copy this host's folder again from where the CA is; if it is no better there: sallyport certs renew Two --force",
    );
  });

  it.each(['ec-p256', 'rsa-4096'] as const)('an encrypted %s key is fine for a server', async (type) => {
    const dir = temporaryFolder();
    await ensurePlugin('One', { dir, keyType: type });
    const path = join(dir, 'plugins/One/server.key');
    const options = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'p' } as const;
    writeFileSync(path, createPrivateKey(readFileSync(path)).export(options));
    expect((await checkCertificates({ dir })).status).toBe(0);
  });

  it('a certificate for both roles passes, one for the wrong role does not', async () => {
    const dir = await certificates();
    const ca = {
      certPem: readFileSync(join(dir, 'ca/ca.crt'), 'utf8'),
      keyPem: readFileSync(join(dir, 'ca/ca.key'), 'utf8'),
    };
    const validity = { notBefore: new Date(), notAfter: inDays(90)() };
    const make = (purposes: readonly ('clientAuth' | 'serverAuth')[]) =>
      issueLeaf({ ...validity, ca, subject: { CN: 'x' }, sans: [], purposes });
    for (const [name, purposes] of [
      ['One', ['clientAuth']],
      ['Two', ['clientAuth', 'serverAuth']],
    ] as const) {
      const { certPem, keyPem } = await make(purposes);
      writeFileSync(join(dir, 'plugins', name, 'server.crt'), certPem);
      writeFileSync(join(dir, 'plugins', name, 'server.key'), keyPem);
    }
    expect(verdicts(await checkCertificates({ dir }))).toMatchObject({ One: 'wrong purpose', Two: 'ok' });
  });
});

describe('broken certificates', () => {
  const other = mkdtempSync(join(tmpdir(), 'sallyport-pki-'));
  beforeAll(() => ensureAll(['One'], { dir: other, keyType }));
  afterAll(() => rmSync(other, { recursive: true }));
  const from = (path: string) => (at: string) => copyFileSync(join(other, path), at);

  it.each<[string, string, (at: string) => void, string, 1 | 3]>([
    ['ca', 'ca/ca.crt', (at) => rmSync(at), 'incomplete', 3],
    ['ca', 'ca/ca.crt', (at) => writeFileSync(at, 'x'), 'unreadable', 3],
    ['ca', 'ca/ca.key', from('ca/ca.key'), 'key mismatch', 3],
    ['ca', 'ca/ca.key', (at) => chmodSync(at, 0o640), 'key readable by others', 1],
    ['gateway', 'gateway/client.crt', from('gateway/client.crt'), 'not issued by this CA', 3],
    ['gateway', 'gateway/client.key', from('gateway/client.key'), 'key mismatch', 3],
    ['gateway', 'gateway/client.key', (at) => rmSync(at), 'key missing', 3],
    ['gateway', 'gateway/client.pem', from('gateway/client.pem'), 'client.pem differs', 3],
    ['gateway', 'gateway/client.pem', (at) => chmodSync(at, 0o644), 'key readable by others', 1],
    ['One', 'plugins/One/server.crt', (at) => writeFileSync(at, ''), 'unreadable', 3],
    ['One', 'plugins/One/server.crt', (at) => rmSync(at), 'incomplete', 3],
    ['One', 'plugins/One/server.key', (at) => writeFileSync(at, 'x'), 'unreadable', 3],
    ['One', 'plugins/One/ca.crt', from('ca/ca.crt'), 'ca.crt differs', 3],
    ['One', 'plugins/One/ca.crt', (at) => rmSync(at), 'incomplete', 3],
  ])('[C7] %s, %s: case %#', async (name, path, damage, verdict, status) => {
    const dir = await certificates();
    damage(join(dir, path));
    const report = await checkCertificates({ dir });
    expect(verdicts(report)).toMatchObject({ [name]: verdict, Two: 'ok' });
    expect(report.status).toBe(status);
    expect(report.entries.find((entry) => entry.name === name)?.remedy).toMatch(
      /rm |chmod |sallyport certs /,
    );
  });

  it('[C7] a folder in place of a certificate', async () => {
    const dir = await certificates();
    rmSync(join(dir, 'plugins/One/server.crt'));
    mkdirSync(join(dir, 'plugins/One/server.crt'));
    const report = await checkCertificates({ dir });
    expect(verdicts(report)).toMatchObject({ One: 'unreadable', Two: 'ok' });
    expect(report.status).toBe(3);
  });
});
