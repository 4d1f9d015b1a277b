import { X509Certificate } from 'node:crypto';
import { chmodSync, copyFileSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  checkCertificates,
  ensureAll,
  ensureCa,
  ensureGateway,
  ensurePlugin,
  needsRenewal,
  parseExpiresIn,
  parseSans,
  renewCertificates,
} from '../../src/pki/index.js';
import { judgedBy } from '../support/judges.js';
import { opensslText, opensslVerify, snapshot, temporaryFolder } from './folders.js';

const keyType = 'ec-p256';
const day = 86_400_000;
const inDays = (days: number) => () => new Date(Date.now() + days * day);

async function certificates(): Promise<string> {
  const dir = temporaryFolder();
  await ensureCa({ dir, keyType, days: 1000 });
  await ensureAll(['One', 'Two'], { dir, keyType, days: 90 });
  return dir;
}
const outcomes = (results: Awaited<ReturnType<typeof renewCertificates>>) =>
  Object.fromEntries(results.map(({ name, outcome }) => [name, outcome]));
const certificate = (path: string) => new X509Certificate(readFileSync(path));

describe('renewing certificates', () => {
  it('what is not due is kept as it is', async () => {
    const dir = await certificates();
    const before = snapshot(dir);
    const results = await renewCertificates({ dir, now: inDays(59) });
    expect(outcomes(results)).toEqual({ gateway: 'kept', One: 'kept', Two: 'kept' });
    expect(snapshot(dir)).toEqual(before);
  });

  it('what has less than a third of its life left is renewed, for as long as it had', async () => {
    const dir = await certificates();
    const results = await renewCertificates({ dir, now: inDays(61) });
    expect(outcomes(results)).toEqual({ gateway: 'renewed', One: 'renewed', Two: 'renewed' });
    for (const { notAfter } of results)
      expect(Math.round(((notAfter?.getTime() ?? 0) - Date.now()) / day)).toBe(151);
    expect(outcomes(await renewCertificates({ dir, now: inDays(61) }))).toMatchObject({ One: 'kept' });
    expect((await checkCertificates({ dir, now: inDays(61) })).status).toBe(0);
  });

  it.each([
    ['89d', 'kept'],
    ['99%', 'kept'],
  ])('--expires-in %s on the first day: %s', async (text, outcome) => {
    const dir = await certificates();
    const [gateway] = await renewCertificates({ dir, due: parseExpiresIn(text) });
    expect(gateway?.outcome).toBe(outcome);
  });

  judgedBy('openssl')(
    'has the same names and purpose, another key of the same kind, and verifies',
    async () => {
      const dir = await certificates();
      rmSync(join(dir, 'plugins/One'), { recursive: true });
      const extraSans = parseSans('IP:10.1.2.3,DNS:more.example,URI:https://a.example/x');
      await ensurePlugin('One', { dir, keyType: 'ec-p384', trustDomain: 'example.org', extraSans });
      const path = join(dir, 'plugins/One/server.crt');
      const [old, oldText] = [certificate(path), opensslText(path)];
      await renewCertificates({ dir, names: ['One'], force: true });
      const [renewed, text] = [certificate(path), opensslText(path)];
      expect(renewed.subject).toBe(old.subject);
      expect(renewed.subjectAltName).toBe(old.subjectAltName);
      expect(renewed.serialNumber).not.toBe(old.serialNumber);
      expect(renewed.publicKey.equals(old.publicKey)).toBe(false);
      for (const part of [/Public-Key: .*/, /Extended Key Usage: \s+.*\n/, /Key Usage: critical\s+.*\n/])
        expect(part.exec(text)?.[0]).toBe(part.exec(oldText)?.[0]);
      expect(opensslVerify(join(dir, 'ca/ca.crt'), path, 'sslserver')).toBe('OK');
    },
  );

  it('takes another kind of key and other days where they are asked for', async () => {
    const dir = await certificates();
    await renewCertificates({ dir, names: ['Two'], force: true, keyType: 'ed25519', days: 10 });
    const { publicKey, validTo } = certificate(join(dir, 'plugins/Two/server.crt'));
    expect(publicKey.asymmetricKeyType).toBe('ed25519');
    expect(Math.round((Date.parse(validTo) - Date.now()) / day)).toBe(10);
  });

  it('keeps permissions, and makes client.pem again', async () => {
    const dir = await certificates();
    chmodSync(join(dir, 'gateway/client.key'), 0o640);
    await renewCertificates({ dir, names: ['gateway'], force: true });
    const mode = (name: string) => (statSync(join(dir, 'gateway', name)).mode & 0o777).toString(8);
    expect(['client.key', 'client.crt', 'client.pem'].map(mode)).toEqual(['640', '644', '600']);
    const read = (name: string) => readFileSync(join(dir, 'gateway', name), 'utf8');
    expect(read('client.pem')).toBe(read('client.crt') + read('client.key'));
    expect(readdirSync(join(dir, 'gateway'))).toHaveLength(4);
  });

  it.each(['One', 'plugins/One', 'plugins/One/', 'plugins/One/server.crt'])(
    'finds %s by name or path',
    async (name) => {
      const dir = await certificates();
      const named = name === 'One' ? name : join(dir, name);
      expect(outcomes(await renewCertificates({ dir, names: [named], force: true }))).toEqual({
        One: 'renewed',
      });
    },
  );

  it('says what there is where a name is unknown, and where nothing is', async () => {
    const dir = await certificates();
    await expect(renewCertificates({ dir, names: ['one'] })).rejects.toMatchObject({
      code: 'SALLY_CERT_UNKNOWN',
      remedy: expect.stringContaining('gateway, One, Two'),
    });
    const empty = temporaryFolder();
    await expect(renewCertificates({ dir: empty })).rejects.toMatchObject({ code: 'SALLY_CERTS_MISSING' });
    expect(readdirSync(empty)).toEqual([]);
  });

  it.each([
    ['a key that is gone', (dir: string) => rmSync(join(dir, 'gateway/client.key'))],
    [
      'a key of another',
      (dir: string) => copyFileSync(join(dir, 'plugins/One/server.key'), join(dir, 'gateway/client.key')),
    ],
    ['a key that is none', (dir: string) => writeFileSync(join(dir, 'gateway/client.key'), 'x')],
  ])('mends %s, whenever it ends', async (_, damage) => {
    const dir = await certificates();
    damage(dir);
    expect(outcomes(await renewCertificates({ dir }))).toEqual({
      gateway: 'renewed',
      One: 'kept',
      Two: 'kept',
    });
    expect((await checkCertificates({ dir })).status).toBe(0);
  });

  it('does not vouch for a certificate of another CA, and renews the others', async () => {
    const [dir, other] = [await certificates(), await certificates()];
    copyFileSync(join(other, 'plugins/One/server.crt'), join(dir, 'plugins/One/server.crt'));
    const results = await renewCertificates({ dir, force: true });
    expect(outcomes(results)).toEqual({ gateway: 'renewed', One: 'failed', Two: 'renewed' });
    expect(results[1]?.notes.join()).toContain('was not issued by the CA');
  });

  it('a leaf that would end with its CA again is not renewed over and over', async () => {
    const dir = temporaryFolder();
    await ensureCa({ dir, keyType, days: 30 });
    await ensureAll(['One'], { dir, keyType, days: 30 });
    const [gateway] = await renewCertificates({ dir, now: inDays(25) });
    expect(gateway).toMatchObject({ outcome: 'kept', notes: [expect.stringContaining('ca-rotate prepare')] });
  });

  it('needs the key of the CA only where something is due', async () => {
    const dir = await certificates();
    rmSync(join(dir, 'ca/ca.key'));
    expect(outcomes(await renewCertificates({ dir }))).toMatchObject({ One: 'kept' });
    const before = snapshot(dir);
    await expect(renewCertificates({ dir, force: true })).rejects.toMatchObject({
      code: 'SALLY_CA_UNUSABLE',
      remedy: expect.stringContaining('put '),
    });
    expect(snapshot(dir)).toEqual(before);
  });

  it('an encrypted key stays, and its certificate is for it', async () => {
    const dir = await certificates();
    const path = join(dir, 'plugins/One/server.key');
    const { createPrivateKey } = await import('node:crypto');
    const encrypted = createPrivateKey(readFileSync(path)).export({
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: 'p',
    }) as string;
    writeFileSync(path, encrypted);
    const old = certificate(join(dir, 'plugins/One/server.crt'));
    const [one] = await renewCertificates({ dir, names: ['One'], force: true });
    expect(one?.notes.join()).toContain('is encrypted');
    expect(readFileSync(path, 'utf8')).toBe(encrypted);
    const renewed = certificate(join(dir, 'plugins/One/server.crt'));
    expect(renewed.publicKey.equals(old.publicKey)).toBe(true);
    expect(renewed.serialNumber).not.toBe(old.serialNumber);
  });

  it.each([0, 1, 2, 3])('cut off before change %i, the next run leaves pairs that match', async (at) => {
    for (const next of [renewCertificates, ensureGateway] as const) {
      const dir = await certificates();
      let changes = 0;
      const cut = renewCertificates({
        dir,
        names: ['gateway'],
        force: true,
        onChange: () => {
          if (changes === at) throw new Error('cut off');
          changes += 1;
        },
      });
      await (at < 3 ? expect(cut).rejects.toThrow('cut off') : cut);
      await next({ dir });
      const report = await checkCertificates({ dir });
      expect(report.entries.flatMap(({ findings }) => findings)).toEqual([]);
      expect(readdirSync(join(dir, 'gateway')).filter((name) => name.startsWith('.'))).toEqual([]);
    }
  });

  it('several at once end well', async () => {
    const dir = await certificates();
    await Promise.all(Array.from({ length: 4 }, () => renewCertificates({ dir, force: true })));
    expect((await checkCertificates({ dir })).status).toBe(0);
    expect(readdirSync(dir).sort()).toEqual(['ca', 'gateway', 'issued.jsonl', 'plugins']);
  });
});

describe('needs renewal', () => {
  it('tells due from not due, missing and unreadable, by name and by file', async () => {
    const dir = await certificates();
    const path = join(dir, 'plugins/One/server.crt');
    const kind = async (what: string, now = inDays(0)) => (await needsRenewal(what, { dir, now })).kind;
    expect(await kind('One')).toBe('not due');
    expect(await kind(path, inDays(61))).toBe('due');
    expect(await kind(path, inDays(100))).toBe('due');
    expect(await kind('Nobody')).toBe('missing');
    writeFileSync(path, 'broken');
    expect(await kind('One')).toBe('unreadable');
    expect(await kind(path)).toBe('unreadable');
    expect(await kind(join(dir, 'plugins/x.y'))).toBe('missing');
  });
});

describe('the lock', () => {
  it('of a process that is gone is taken over, by several at once too', async () => {
    const dir = await certificates();
    writeFileSync(join(dir, '.lock'), `${hostname()} process 4194304`);
    await Promise.all(Array.from({ length: 4 }, () => renewCertificates({ dir })));
    expect(readdirSync(dir).sort()).toEqual(['ca', 'gateway', 'issued.jsonl', 'plugins']);
  });

  it('of a living one is waited for, also by what only makes files', async () => {
    const dir = await certificates();
    const path = join(dir, '.lock');
    writeFileSync(path, `${hostname()} process ${process.pid}`);
    let done = 0;
    const runs = [renewCertificates({ dir }), ensureGateway({ dir })].map((run) =>
      run.then(() => (done += 1)),
    );
    await needsRenewal('gateway', { dir });
    expect(done).toBe(0);
    rmSync(path);
    await Promise.all(runs);
    expect(done).toBe(2);
  });
});
