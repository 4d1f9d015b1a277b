import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { silentLogger } from '../../src/log.js';
import { openCredentials } from '../../src/tls/index.js';
import { temporaryFolder } from '../support/folder.js';
import { ca, leaf, parsed, write } from './made.js';

interface Warned {
  readonly code: string;
  readonly message: string;
}

/** Credentials of a server on disk, open, with a CA to issue others by, and what was warned of. */
async function opened(now?: () => Date) {
  const folder = await temporaryFolder();
  const root = await ca('Root');
  const caBundle = join(folder, 'ca.crt');
  await writeFile(caBundle, root.certPem);
  const first = await leaf(root);
  const files = { ...(await write(folder, 'server', first)), caBundle };
  const warned: Warned[] = [];
  const warn = (fields: object, message: string) =>
    void warned.push({ ...(fields as { code: string }), message });
  const log = { ...silentLogger, warn };
  // Nothing looks by itself: a look between the writes of a test would have its own word on half of them.
  const deps = { log, pollMs: 3_600_000, ...(now && { now }) };
  const credentials = await openCredentials(files, 'server', deps);
  onTestFinished(() => credentials.close());
  return { folder, root, first, files, credentials, warned };
}

describe('a reload', () => {
  it('[S7] of good files raises the version and tells the listeners', async () => {
    const { folder, root, first, credentials, warned } = await opened();
    expect(credentials.current()).toMatchObject({ version: 1 });
    expect(credentials.current().certificate?.raw).toEqual(parsed(first).raw);
    const seen: number[] = [];
    const stop = credentials.onChange(({ version }) => seen.push(version));
    const second = await leaf(root);
    await write(folder, 'server', second);
    expect((await credentials.reload()).kind).not.toBe('refused');
    expect(credentials.current()).toMatchObject({ version: 2 });
    expect(credentials.current().certificate?.raw).toEqual(parsed(second).raw);
    stop();
    await write(folder, 'server', await leaf(root));
    expect((await credentials.reload()).kind).not.toBe('refused');
    expect(credentials.current().version).toBe(3);
    expect(seen).toEqual([2]);
    expect(warned).toEqual([]);
  });

  it('[S7] does not change the set that a connection was made with', async () => {
    const { folder, root, credentials } = await opened();
    const before = credentials.current();
    await write(folder, 'server', await leaf(root));
    await credentials.reload();
    expect(before.version).toBe(1);
    expect(credentials.current()).not.toBe(before);
  });

  it.each<[string, (given: Awaited<ReturnType<typeof opened>>) => Promise<unknown>, string]>([
    [
      'a half-written certificate',
      ({ files }) => writeFile(files.certfile, '-----BEGIN CERT'),
      'SALLY_TLS_NOT_PEM',
    ],
    ['a certificate that is gone', ({ files }) => rm(files.certfile), 'SALLY_FILE_UNREADABLE'],
    ['an empty key', ({ files }) => writeFile(files.keyfile, ''), 'SALLY_TLS_NOT_PEM'],
    [
      'the certificate replaced and its key not yet',
      async ({ root, files }) => writeFile(files.certfile, (await leaf(root)).certPem),
      'SALLY_TLS_KEY_MISMATCH',
    ],
    [
      'a bundle of another CA',
      async ({ files }) => writeFile(files.caBundle, (await ca('Other')).certPem),
      'SALLY_TLS_CHAIN',
    ],
    [
      'a bundle that is gone',
      ({ files }) => rename(files.caBundle, `${files.caBundle}.away`),
      'SALLY_FILE_UNREADABLE',
    ],
  ])('[S7] of %s keeps what there was, and says so', async (_title, damage, code) => {
    const given = await opened();
    const { credentials, warned } = given;
    const before = credentials.current();
    const seen: number[] = [];
    credentials.onChange(({ version }) => seen.push(version));
    await damage(given);
    expect(await credentials.reload()).toMatchObject({ kind: 'refused', error: { code } });
    expect(credentials.current()).toBe(before);
    expect(seen).toEqual([]);
    expect(warned).toMatchObject([
      { code, message: expect.stringMatching(/^the certificates in use are kept: /) },
    ]);
  });

  it('[S7] after one that failed takes the next version', async () => {
    const { folder, root, files, credentials } = await opened();
    await writeFile(files.certfile, '');
    await credentials.reload();
    await write(folder, 'server', await leaf(root));
    expect((await credentials.reload()).kind).not.toBe('refused');
    expect(credentials.current().version).toBe(2);
  });

  it('[S7] of files that have not changed does nothing', async () => {
    const { files, first, credentials } = await opened();
    const before = credentials.current();
    await writeFile(files.certfile, '');
    await writeFile(files.certfile, first.certPem);
    expect(await credentials.reload()).toEqual({ kind: 'unchanged' });
    expect(credentials.current()).toBe(before);
  });

  it('[S7] of a certificate that has ended keeps the old one, even where that has ended too', async () => {
    let now = new Date();
    const { folder, root, credentials } = await opened(() => now);
    await write(folder, 'server', await leaf(root));
    now = new Date(now.getTime() + 365 * 86_400_000);
    expect(await credentials.reload()).toMatchObject({
      kind: 'refused',
      error: { code: 'SALLY_CERT_EXPIRED' },
    });
    expect(credentials.current().version).toBe(1);
  });
});

describe('the first load', () => {
  it('[S7] that fails is an error: nothing begins without credentials', async () => {
    const { files } = await opened();
    await rm(files.keyfile);
    await expect(openCredentials(files, 'server', { log: silentLogger })).rejects.toMatchObject({
      code: 'SALLY_FILE_UNREADABLE',
    });
  });

  it('[S7] logs what is accepted but deserves to be seen', async () => {
    const { folder, root } = await opened();
    const files = await write(folder, 'plain', await leaf(root, { purposes: [] }));
    const codes: unknown[] = [];
    const warn = (fields: object) => void codes.push((fields as Warned).code);
    await openCredentials(files, 'server', { log: { ...silentLogger, warn } });
    expect(codes).toEqual(['SALLY_TLS_NO_PURPOSE']);
  });
});
