import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  checkCertificates,
  ensureAll,
  ensureCa,
  ensurePlugin,
  refreshCrl,
  renewCertificates,
  revokeCertificate,
  rotateCa,
  rotationStatus,
} from '../../src/pki/index.js';
import { judgedBy } from '../support/judges.js';
import { opensslVerify, snapshot, temporaryFolder } from './folders.js';

const keyType = 'ec-p256';
const caPassword = 'correct horse';

async function encrypted(): Promise<string> {
  const dir = temporaryFolder();
  await ensureCa({ dir, keyType, caPassword, encryptCaKey: true });
  return dir;
}
const keyIn = (dir: string, path = 'ca/ca.key') => join(dir, path);

describe('a CA whose key is encrypted', () => {
  judgedBy('openssl')('is made with a key that OpenSSL opens with the password alone', async () => {
    const dir = await encrypted();
    const path = keyIn(dir);
    expect(readFileSync(path, 'utf8')).toContain('-----BEGIN ENCRYPTED PRIVATE KEY-----');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const open = (password: string) =>
      execFileSync('openssl', ['pkey', '-in', path, '-passin', `pass:${password}`, '-pubout'], {
        encoding: 'utf8',
        stdio: 'pipe',
      });
    const ca = execFileSync('openssl', ['x509', '-in', join(dir, 'ca/ca.crt'), '-noout', '-pubkey']);
    expect(open(caPassword)).toBe(String(ca));
    expect(() => open('wrong')).toThrow();
  });

  judgedBy('openssl')('issues, renews, revokes and is replaced with its password', async () => {
    const dir = await encrypted();
    await ensureAll(['One'], { dir, keyType, caPassword });
    await ensurePlugin('Two', { dir, keyType, caPassword: () => Promise.resolve(caPassword) });
    await revokeCertificate('Two', { dir, caPassword });
    await refreshCrl({ dir, caPassword, force: true });
    await renewCertificates({ dir, caPassword, names: ['Two'], force: true });
    for (const step of ['prepare', 'activate', 'retire'] as const) {
      await rotateCa(step, { dir, caPassword });
      // Which of the two issues is told without the password too.
      const { phase, old } = await rotationStatus({ dir });
      expect(phase).toBe(step === 'retire' ? 'none' : `${step.replace(/e$/, '')}ed`);
      expect(old?.subject).toBe(`CN=Sallyport MCP CA${step === 'retire' ? ' G2' : ''}, O=Sallyport`);
      expect((await checkCertificates({ dir })).status).toBe(0);
    }
    expect(readFileSync(keyIn(dir), 'utf8')).toContain('ENCRYPTED');
    for (const [cert, purpose] of [
      ['gateway/client.crt', 'sslclient'],
      ['plugins/One/server.crt', 'sslserver'],
    ] as const)
      expect(opensslVerify(join(dir, 'ca/ca.crt'), join(dir, cert), purpose)).toBe('OK');
  });

  it('without the password, or with a wrong one, nothing is made and it is said how to give it', async () => {
    const dir = await encrypted();
    await ensureAll(['One'], { dir, keyType, caPassword });
    const before = snapshot(dir);
    for (const [password, reason] of [
      [{}, 'is encrypted, and no password was given'],
      [{ caPassword: 'wrong' }, 'does not open with the password given'],
    ] as const)
      for (const run of [
        () => ensureAll(['One', 'Two'], { dir, keyType, ...password }),
        () => renewCertificates({ dir, force: true, ...password }),
        () => refreshCrl({ dir, ...password }),
        () => rotateCa('prepare', { dir, ...password }),
      ])
        await expect(run()).rejects.toMatchObject({
          code: 'SALLY_CA_UNUSABLE',
          message: expect.stringContaining(reason),
          remedy: expect.stringContaining('MCP_CERT_CA_PASSWORD'),
        });
    expect(snapshot(dir)).toEqual(before);
    // What is not due asks for nothing.
    expect((await renewCertificates({ dir })).map(({ outcome }) => outcome)).toEqual(['kept', 'kept']);
    // Nobody can make certificates with a key like that: no word that it lies about.
    expect((await checkCertificates({ dir })).notes).toEqual([]);
  });

  judgedBy('openssl')('that another tool has encrypted works as well', async () => {
    const dir = temporaryFolder();
    await ensureCa({ dir, keyType });
    const plain = keyIn(dir);
    for (const form of [
      ['pkcs8', '-topk8', '-v2', 'aes-256-cbc'],
      ['ec', '-aes256'],
    ]) {
      const [command = '', ...more] = form;
      const args = [command, ...more, '-in', plain, '-out', `${plain}.new`, '-passout', `pass:${caPassword}`];
      const clear = readFileSync(plain, 'utf8');
      execFileSync('openssl', args, { stdio: 'pipe' });
      writeFileSync(plain, readFileSync(`${plain}.new`));
      rmSync(`${plain}.new`);
      rmSync(join(dir, 'gateway'), { recursive: true, force: true });
      const results = await ensureAll([], { dir, keyType, caPassword });
      expect(results.map(({ outcome }) => outcome)).toEqual(['kept', 'made']);
      await renewCertificates({ dir, caPassword, force: true });
      writeFileSync(plain, clear);
    }
  });

  it('can be encrypted later, with those in waiting', async () => {
    const dir = temporaryFolder();
    await ensureAll([], { dir, keyType });
    await rotateCa('prepare', { dir });
    const result = await ensureCa({ dir, caPassword, encryptCaKey: true });
    expect(result.notes.join()).toContain('is encrypted now');
    for (const path of ['ca/ca.key', 'ca/next/ca.key'])
      expect(readFileSync(keyIn(dir, path), 'utf8')).toContain('ENCRYPTED');
    await rotateCa('activate', { dir, caPassword });
    expect((await checkCertificates({ dir })).status).toBe(0);
  });

  it('is not made where no password is given, or an empty one', async () => {
    for (const password of [{}, { caPassword: '' }]) {
      const dir = temporaryFolder();
      await expect(ensureCa({ dir, keyType, encryptCaKey: true, ...password })).rejects.toMatchObject({
        code: 'SALLY_CA_UNUSABLE',
      });
      expect(snapshot(dir)).toEqual({});
    }
  });
});
