import { X509Certificate } from 'node:crypto';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type CredentialFiles, openToOthers } from '../../src/tls/files.js';
import { loadCredentials } from '../../src/tls/load.js';
import type { TlsRole } from '../../src/tls/own.js';
import { cert, keyPassword } from '../support/certs.js';
import { temporaryFolder } from '../support/folder.js';
import { ca, leaf, write } from './made.js';

const pair = (name: string) => ({ certfile: cert(`${name}.crt`), keyfile: cert(`${name}.key`) });
const caBundle = cert('ca.crt');
const load = (files: CredentialFiles, role: TlsRole = 'client', now = new Date()) =>
  loadCredentials(files, role, { version: 1, now });

/** A file of the test's own. */
async function file(name: string, content: string | Buffer, mode = 0o600): Promise<string> {
  const path = join(await temporaryFolder(), name);
  await writeFile(path, content, { mode });
  return path;
}

describe('what is loaded', () => {
  it.each(['client', 'server'] as const)('[S7] certificate, key and bundle of a %s', async (role) => {
    const files = { ...pair(role), caBundle };
    const set = await load(files, role);
    expect(set).toMatchObject({ version: 1, files, warnings: [] });
    expect(set.certificate?.raw).toEqual(new X509Certificate(await readFile(files.certfile)).raw);
    expect(set.context).toBeDefined();
  });

  it('[S7] a bundle alone, a certificate with its key alone, or nothing', async () => {
    expect(await load({ caBundle })).not.toHaveProperty('certificate');
    expect((await load(pair('client'))).certificate).toBeDefined();
    expect(await load({})).toMatchObject({ version: 1, warnings: [] });
  });

  it('[S4] an encrypted key with its password', async () => {
    const files = { ...pair('client'), keyfile: cert('client-encrypted.key'), caBundle };
    expect((await load({ ...files, keyfilePassword: keyPassword })).warnings).toEqual([]);
  });

  it('[S7] certificate and key out of one file', async () => {
    const { certfile, keyfile } = pair('client');
    const both = await file(
      'client.pem',
      (await readFile(certfile, 'utf8')) + (await readFile(keyfile, 'utf8')),
    );
    expect((await load({ certfile: both, keyfile: both, caBundle })).certificate).toBeDefined();
  });

  it('[S7] a bundle of several CAs, one of them expired', async () => {
    const old = await ca('Old', { notBefore: new Date('2020-01-01'), notAfter: new Date('2021-01-01') });
    const bundle = await file('bundle.pem', old.certPem + (await readFile(caBundle, 'utf8')));
    expect((await load({ ...pair('client'), caBundle: bundle })).certificate).toBeDefined();
  });
});

describe('what is accepted with a warning', () => {
  it('[S7] a key that others can read', async () => {
    const keyfile = await file('client.key', await readFile(cert('client.key')));
    await chmod(keyfile, 0o640);
    const { warnings } = await load({ certfile: cert('client.crt'), keyfile });
    expect(warnings).toMatchObject([{ code: 'SALLY_TLS_KEY_READABLE', remedy: `chmod 600 ${keyfile}` }]);
    expect(warnings[0]?.message).toContain('640');
  });

  it.each(['client', 'server'] as const)('[S7] a %s without extended key usage', async (role) => {
    const { warnings } = await load({ ...pair(`${role}-no-eku`), caBundle }, role);
    expect(warnings).toMatchObject([{ code: 'SALLY_TLS_NO_PURPOSE' }]);
  });
});

describe('what is refused', () => {
  it.each<[string, CredentialFiles, string, TlsRole]>([
    ['a certificate that has expired', pair('client-expired'), 'SALLY_CERT_EXPIRED', 'client'],
    ['a certificate that is not valid yet', pair('client-not-yet'), 'SALLY_CERT_NOT_YET_VALID', 'client'],
    ["a server's certificate at a client", pair('server'), 'SALLY_TLS_PURPOSE', 'client'],
    ["a client's certificate at a server", pair('client'), 'SALLY_TLS_PURPOSE', 'server'],
    ['a certificate of another CA', pair('client-other-ca'), 'SALLY_TLS_CHAIN', 'client'],
    [
      'the key of another certificate',
      { ...pair('client'), keyfile: cert('server.key') },
      'SALLY_TLS_KEY_MISMATCH',
      'client',
    ],
    [
      'an encrypted key without password',
      { ...pair('client'), keyfile: cert('client-encrypted.key') },
      'SALLY_TLS_KEY_ENCRYPTED',
      'client',
    ],
    [
      'a wrong password',
      { ...pair('client'), keyfile: cert('client-encrypted.key'), keyfilePassword: 'guess' },
      'SALLY_TLS_KEY_PASSWORD',
      'client',
    ],
    [
      'a leaf as the bundle',
      { ...pair('client'), caBundle: cert('server.crt') },
      'SALLY_TLS_NOT_A_CA',
      'client',
    ],
    [
      'a key as the certificate',
      { ...pair('client'), certfile: cert('client.key') },
      'SALLY_TLS_NOT_PEM',
      'client',
    ],
    [
      'a certificate as the key',
      { ...pair('client'), keyfile: cert('client.crt') },
      'SALLY_TLS_NOT_PEM',
      'client',
    ],
    [
      'a key as the bundle',
      { ...pair('client'), caBundle: cert('client.key') },
      'SALLY_TLS_NOT_PEM',
      'client',
    ],
  ])('[S7,G5] %s', async (_title, files, code, role) => {
    await expect(load({ caBundle, ...files }, role)).rejects.toMatchObject({ code, exitStatus: 3 });
  });

  it.each(['certfile', 'keyfile', 'caBundle'] as const)('[S7,G5] a %s that cannot be read', async (field) => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'plain'), '');
    for (const [path, reason] of [
      [join(folder, 'missing'), 'no such file'],
      [folder, 'it is a folder'],
      [join(folder, 'plain', 'below'), 'a part of the path is not a folder'],
    ] as const) {
      await expect(load({ ...pair('client'), caBundle, [field]: path })).rejects.toMatchObject({
        code: 'SALLY_FILE_UNREADABLE',
        message: expect.stringMatching(new RegExp(`${path}: ${reason}$`)),
      });
    }
  });

  const begin = '-----BEGIN CERTIFICATE-----';
  it.each([
    ['an empty file', '', 'the file is empty'],
    ['white space', ' \n', 'the file is empty'],
    ['text', 'hello', 'no BEGIN CERTIFICATE line'],
    ['a half-written file', `${begin}\nMIIB`, 'its END CERTIFICATE line is missing'],
    [
      'a certificate request',
      '-----BEGIN CERTIFICATE REQUEST-----\nMII=\n-----END CERTIFICATE REQUEST-----',
      'it holds a CERTIFICATE REQUEST',
    ],
    ['a public key', '-----BEGIN PUBLIC KEY-----\nMII=\n-----END PUBLIC KEY-----', 'it holds a PUBLIC KEY'],
  ])('[S7,G5] as a certificate: %s', async (_title, content, reason) => {
    const certfile = await file('c.crt', content);
    await expect(load({ ...pair('client'), certfile })).rejects.toMatchObject({
      code: 'SALLY_TLS_NOT_PEM',
      message: `${certfile} is not a certificate in PEM form: ${reason}`,
    });
    await expect(load({ caBundle: certfile })).rejects.toMatchObject({ code: 'SALLY_TLS_NOT_PEM' });
  });

  it('[S7,G5] a block whose content is no certificate, counted where there are several', async () => {
    const good = await readFile(caBundle, 'utf8');
    const bundle = await file('bundle.pem', `${good}${begin}\naGVsbG8=\n-----END CERTIFICATE-----\n`);
    await expect(load({ caBundle: bundle })).rejects.toMatchObject({
      code: 'SALLY_TLS_NOT_PEM',
      message: expect.stringContaining('certificate 2 of 2: '),
    });
  });

  it('[S7,G5] a certificate in DER form, with the command that makes it PEM', async () => {
    const der = await file('c.der', new X509Certificate(await readFile(cert('client.crt'))).raw);
    await expect(load({ ...pair('client'), certfile: der })).rejects.toMatchObject({
      code: 'SALLY_TLS_NOT_PEM',
      remedy: expect.stringContaining(`openssl x509 -inform der -in ${der}`),
    });
  });

  it('[S7,G5] a bundle of which every CA has ended', async () => {
    const ended = { notBefore: new Date('2020-01-01'), notAfter: new Date('2021-01-01') };
    const bundle = await file('bundle.pem', (await ca('A', ended)).certPem + (await ca('B', ended)).certPem);
    await expect(load({ caBundle: bundle })).rejects.toMatchObject({
      code: 'SALLY_CERT_EXPIRED',
      message: `${bundle} expired on 2021-01-01T00:00:00Z`,
    });
  });

  it('[S7,G5] a certificate that the clock has overtaken, to the second', async () => {
    const notAfter = new Date('2030-01-01T00:00:00Z');
    const folder = await temporaryFolder();
    const files = await write(folder, 'server', await leaf(await ca('Root'), { notAfter }));
    await load(files, 'server', notAfter);
    await expect(load(files, 'server', new Date(notAfter.getTime() + 1000))).rejects.toMatchObject({
      code: 'SALLY_CERT_EXPIRED',
      message: `${files.certfile} expired on 2030-01-01T00:00:00Z`,
    });
  });

  it('[S7,S4] no error holds a password or a key', async () => {
    const keyfilePassword = 'hunter2';
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'd'));
    const encrypted = { ...pair('client'), keyfile: cert('client-encrypted.key'), keyfilePassword };
    const error = await load(encrypted).catch((thrown: unknown) => thrown);
    const said = JSON.stringify(error, Object.getOwnPropertyNames(error));
    expect(said).toContain('SALLY_TLS_KEY_PASSWORD');
    expect(said).not.toContain(keyfilePassword);
    expect(said).not.toContain('PRIVATE KEY');
  });
});

describe('a private key that others may read', () => {
  it.each([
    [0o600, true, false],
    [0o640, true, true],
    [0o604, true, true],
    [0o440, false, false],
    [0o460, false, true],
    [0o444, false, true],
  ])('of mode %o, own: %s → %s', (mode, own, open) => {
    expect(openToOthers({ mode, own })).toBe(open);
  });
});
