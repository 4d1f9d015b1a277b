import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { readPfx } from '../../src/pki/pfx.js';
import type { CredentialFiles } from '../../src/tls/files.js';
import { loadCredentials, openCredentials } from '../../src/tls/index.js';
import { temporaryFolder } from '../support/folder.js';
import { judgedBy } from '../support/judges.js';
import { gatewayLeaf, newCa } from '../support/trust.js';
import { ca, leaf, openssl, parsed, resigned, write } from './made.js';

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const load = (files: CredentialFiles) => loadCredentials(files, 'server', { version: 1, now: new Date() });
const withOpenssl = judgedBy('openssl');

/** A leaf, an intermediate and a root, and `export` to put them into a PKCS #12 file. */
async function made() {
  const folder = await temporaryFolder();
  const root = await newCa('Root');
  const middle = resigned(await newCa('Middle'), root);
  const end = await leaf(middle);
  await write(folder, 'end', end);
  await writeFile(join(folder, 'above.crt'), middle.certPem + root.certPem);
  await writeFile(join(folder, 'ca.crt'), root.certPem);
  const pack = async (options: string, name = 'own.p12') => {
    await openssl(folder, `pkcs12 -export -in end.crt -inkey end.key -out ${name} ${options}`);
    return join(folder, name);
  };
  return { folder, root, middle, end, pack, caBundle: join(folder, 'ca.crt') };
}

describe('[S7] a certificate and its key in PKCS #12', () => {
  withOpenssl('are shown with the intermediates of the file, and none of its CAs is trusted', async () => {
    const { pack, end, middle, folder } = await made();
    const pfx = await pack('-certfile above.crt -passout pass:secret');
    const clients = await ca('Clients');
    const caBundle = join(folder, 'clients.crt');
    await writeFile(caBundle, clients.certPem);
    const set = await load({ pfx, keyfilePassword: 'secret', caBundle, anyIssuer: true });
    expect(set.chain.map(({ raw }) => raw)).toEqual([parsed(end).raw, parsed(middle).raw]);
    expect(set.authorities.map(({ raw }) => raw)).toEqual([parsed(clients).raw]);
    expect(set.warnings).toEqual([]);
  });

  withOpenssl.each([
    ['AES-256 and SHA-256', '-passout pass:x', 'x'],
    ['AES-128', '-keypbe AES-128-CBC -certpbe AES-128-CBC -passout pass:x', 'x'],
    ['many rounds', '-iter 100000 -passout pass:x', 'x'],
    ['certificates in the open', '-certpbe NONE -passout pass:x', 'x'],
    ['all in the open', '-certpbe NONE -keypbe NONE -passout pass:x', 'x'],
    ['an empty password', '-passout pass:', undefined],
    ['a password of other letters', '-passout pass:zürich€', 'zürich€'],
  ])('are read: %s', async (_title, options, keyfilePassword) => {
    const { pack, caBundle } = await made();
    const pfx = await pack(`-certfile above.crt ${options}`);
    const set = await load({ pfx, caBundle, keyfilePassword });
    expect(set.certificate?.subject).toBe('CN=server');
  });

  withOpenssl.each([
    ['RC2 and Triple DES', '-legacy', 'RC2-40'],
    ['Triple DES', '-keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES', 'Triple DES'],
    ['a key under Triple DES', '-keypbe PBE-SHA1-3DES -certpbe NONE', 'Triple DES'],
    ['a cipher of DES under PBES2', '-keypbe DES-EDE3-CBC -certpbe DES-EDE3-CBC', 'Triple DES'],
  ])('are refused with what to do: %s', async (_title, options, algorithm) => {
    const { pack, folder } = await made();
    const pfx = await pack(`${options} -passout pass:x`);
    for (const keyfilePassword of ['x', 'wrong'])
      if (!options.includes('NONE') || keyfilePassword === 'x')
        await expect(load({ pfx, keyfilePassword })).rejects.toMatchObject({
          code: 'SALLY_TLS_PFX_LEGACY',
          message: expect.stringContaining(algorithm),
          remedy: expect.stringContaining('openssl pkcs12 -legacy'),
        });
    // The remedy mends.
    await openssl(
      folder,
      `pkcs12 -legacy -in own.p12 -nodes -passin pass:x -out own.p12.pem
       pkcs12 -export -in own.p12.pem -out own.p12 -passout pass:x`,
    );
    expect((await load({ pfx, keyfilePassword: 'x' })).certificate).toBeDefined();
  });

  withOpenssl('take their password from a file, which is read anew with them', async () => {
    const { pack, folder, caBundle } = await made();
    const pfx = await pack('-certfile above.crt -passout pass:first');
    const keyfilePasswordFile = join(folder, 'password');
    await writeFile(keyfilePasswordFile, 'first\r\n', { mode: 0o600 });
    const credentials = await openCredentials({ pfx, keyfilePasswordFile, caBundle }, 'server', {
      log: silent,
      settleMs: 1,
    });
    await writeFile(keyfilePasswordFile, 'second', { mode: 0o600 });
    expect(await credentials.reload()).toMatchObject({ error: { code: 'SALLY_TLS_KEY_PASSWORD' } });
    await pack('-certfile above.crt -passout pass:second', 'next.p12');
    await rename(join(folder, 'next.p12'), pfx);
    expect(await credentials.reload()).toMatchObject({ kind: 'changed' });
    credentials.close();
  });

  withOpenssl('are refused without their password, and with a wrong one', async () => {
    const { pack } = await made();
    const pfx = await pack('-passout pass:secret');
    await expect(load({ pfx })).rejects.toMatchObject({
      code: 'SALLY_TLS_KEY_ENCRYPTED',
      remedy: expect.stringContaining('keyfile_password_file'),
    });
    const error = await load({ pfx, keyfilePassword: 'hunter2' }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'SALLY_TLS_KEY_PASSWORD' });
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('hunter2');
  });

  withOpenssl('are judged as those of two files are', async () => {
    const { folder, root, pack, caBundle } = await made();
    const pfx = await pack('-certfile above.crt -passout pass:');
    const other = join(folder, 'other.crt');
    await writeFile(other, (await ca('Other')).certPem);
    await expect(load({ pfx, caBundle: other })).rejects.toMatchObject({ code: 'SALLY_TLS_CHAIN' });
    await expect(
      loadCredentials({ pfx, caBundle }, 'client', { version: 1, now: new Date() }),
    ).rejects.toMatchObject({ code: 'SALLY_TLS_PURPOSE' });
    await expect(
      loadCredentials({ pfx }, 'server', { version: 1, now: new Date('2099-01-01') }),
    ).rejects.toMatchObject({ code: 'SALLY_CERT_EXPIRED', message: expect.stringContaining(pfx) });
    await write(folder, 'end', await gatewayLeaf(root));
    await writeFile(pfx, await readFile(await pack('-passout pass:', 'client.p12')), { mode: 0o644 });
    expect(
      (await loadCredentials({ pfx, caBundle }, 'client', { version: 1, now: new Date() })).certificate,
    ).toBeDefined();
  });

  withOpenssl('are refused where the file is something else', async () => {
    const { folder, pack, end } = await made();
    const whole = await readFile(await pack('-passout pass:'));
    const others: Record<string, Buffer> = {
      'the file is empty': Buffer.alloc(0),
      'it is PEM': Buffer.from(end.certPem),
      'it is not PKCS #12': parsed(end).raw,
      'it is not whole': whole.subarray(0, whole.length / 2),
      'no given length': Buffer.concat([Buffer.from([0x30, 0x80]), whole.subarray(4)]),
    };
    for (const [reason, bytes] of Object.entries(others)) {
      expect(readPfx(bytes), reason).toMatchObject({ kind: 'bad' });
      const pfx = join(folder, 'other.p12');
      await writeFile(pfx, bytes);
      await expect(load({ pfx }), reason).rejects.toMatchObject({
        code: 'SALLY_TLS_NOT_PFX',
        message: expect.stringContaining(reason),
      });
    }
    for (const [options, reason] of [
      ['-nokeys', 'no private key'],
      ['-nomac', 'no MAC'],
    ] as const)
      expect(readPfx(await readFile(await pack(`${options} -passout pass:`)))).toMatchObject({
        kind: 'bad',
        reason: expect.stringContaining(reason),
      });
    await writeFile(join(folder, 'x.p12'), await readFile(await pack('-passout pass:')));
    await expect(
      load({ certfile: join(folder, 'x.p12'), keyfile: join(folder, 'x.p12') }),
    ).rejects.toMatchObject({
      code: 'SALLY_TLS_NOT_PEM',
      remedy: expect.stringContaining('name it with pfx'),
    });
  });

  withOpenssl('no single octet that is changed gives another key or another certificate', async () => {
    const { pack, end } = await made();
    const whole = await readFile(await pack('-passout pass:x'));
    for (let at = 0; at < whole.length; at += 97) {
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ 0x11;
      const content = readPfx(bytes, 'x');
      if (content.kind === 'identity') expect(content.chain[0]?.raw).toEqual(parsed(end).raw);
    }
  });
});
