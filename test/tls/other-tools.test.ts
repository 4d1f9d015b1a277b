import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { loadCredentials } from '../../src/tls/index.js';
import { temporaryFolder } from '../support/folder.js';
import { judgedBy } from '../support/judges.js';
import { extensions, openssl } from './made.js';

const it = judgedBy('openssl');
const ec = 'ec -pkeyopt ec_paramgen_curve:prime256v1';

/** What openssl made: `ca.crt`, `server.crt` and `server.key`, with a key of that kind. */
async function made(newkey = ec, more = ''): Promise<string> {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'leaf.ext'), extensions.leaf);
  await writeFile(join(folder, 'ca.ext'), extensions.intermediate);
  await openssl(
    folder,
    `req -x509 -newkey ${newkey} -nodes -keyout ca.key -out ca.crt -subj /CN=Root
     req -new -newkey ${newkey} -nodes -keyout server.key -out server.csr -subj /CN=server
     x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile leaf.ext -out server.crt
     ${more}`.trim(),
  );
  return folder;
}

function load(folder: string, files: { certfile?: string; keyfile?: string; keyfilePassword?: string } = {}) {
  const { certfile = 'server.crt', keyfile = 'server.key', keyfilePassword } = files;
  return loadCredentials(
    {
      certfile: join(folder, certfile),
      keyfile: join(folder, keyfile),
      caBundle: join(folder, 'ca.crt'),
      keyfilePassword,
    },
    'server',
    { version: 1, now: new Date() },
  );
}

describe('what openssl makes is accepted', () => {
  it.each([['rsa:2048'], [ec], ['ec -pkeyopt ec_paramgen_curve:secp384r1'], ['ed25519']])(
    '[S7] keys of kind %s',
    async (newkey) => {
      expect(await load(await made(newkey))).toMatchObject({ warnings: [] });
    },
  );

  it('[S7] PKCS #1: BEGIN RSA PRIVATE KEY', async () => {
    const folder = await made('rsa:2048', 'rsa -in server.key -traditional -out old.key');
    expect(await readFile(join(folder, 'old.key'), 'utf8')).toContain('BEGIN RSA PRIVATE KEY');
    expect((await load(folder, { keyfile: 'old.key' })).certificate).toBeDefined();
  });

  it('[S7] SEC 1: BEGIN EC PRIVATE KEY, behind the parameters of its curve', async () => {
    const folder = await made(
      ec,
      `ec -in server.key -out old.key
       ecparam -name prime256v1 -out parameters.pem`,
    );
    const key = await readFile(join(folder, 'old.key'), 'utf8');
    expect(key).toContain('BEGIN EC PRIVATE KEY');
    expect((await load(folder, { keyfile: 'old.key' })).certificate).toBeDefined();
    await writeFile(join(folder, 'both.key'), (await readFile(join(folder, 'parameters.pem'), 'utf8')) + key);
    expect((await load(folder, { keyfile: 'both.key' })).certificate).toBeDefined();
  });

  it('[S4] a traditional encrypted key: Proc-Type 4,ENCRYPTED', async () => {
    const folder = await made(
      'rsa:2048',
      'rsa -in server.key -traditional -aes256 -passout pass:sesame -out old.key',
    );
    expect(await readFile(join(folder, 'old.key'), 'utf8')).toContain('Proc-Type: 4,ENCRYPTED');
    const keyfile = 'old.key';
    expect((await load(folder, { keyfile, keyfilePassword: 'sesame' })).certificate).toBeDefined();
    await expect(load(folder, { keyfile })).rejects.toMatchObject({ code: 'SALLY_TLS_KEY_ENCRYPTED' });
    await expect(load(folder, { keyfile, keyfilePassword: 'guess' })).rejects.toMatchObject({
      code: 'SALLY_TLS_KEY_PASSWORD',
    });
  });

  it('[S4] an encrypted key of PKCS #8', async () => {
    const folder = await made(
      ec,
      'pkcs8 -topk8 -v2 aes-256-cbc -in server.key -passout pass:sesame -out new.key',
    );
    expect((await load(folder, { keyfile: 'new.key', keyfilePassword: 'sesame' })).certificate).toBeDefined();
  });

  it('[S7] text before the block, as openssl x509 -text prints it', async () => {
    const folder = await made(ec, 'x509 -in server.crt -text -out text.crt');
    expect(await readFile(join(folder, 'text.crt'), 'utf8')).toMatch(/^Certificate:/);
    expect((await load(folder, { certfile: 'text.crt' })).certificate?.subject).toBe('CN=server');
  });

  it('[S7] lines that end in CR LF, and a byte order mark', async () => {
    const folder = await made();
    for (const name of ['server.crt', 'server.key', 'ca.crt']) {
      const text = await readFile(join(folder, name), 'utf8');
      await writeFile(join(folder, name), `\uFEFF${text.replaceAll('\n', '\r\n')}`);
    }
    expect((await load(folder)).certificate).toBeDefined();
  });

  it('[S7] a leaf with its intermediate behind it', async () => {
    const folder = await made(
      ec,
      `req -new -newkey ${ec} -nodes -keyout mid.key -out mid.csr -subj /CN=Middle
       x509 -req -in mid.csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile ca.ext -out mid.crt
       x509 -req -in server.csr -CA mid.crt -CAkey mid.key -CAcreateserial -extfile leaf.ext -out end.crt`,
    );
    const [end, middle] = await Promise.all(
      ['end.crt', 'mid.crt'].map((name) => readFile(join(folder, name), 'utf8')),
    );
    await writeFile(join(folder, 'chain.crt'), `${end}${middle}`);
    expect((await load(folder, { certfile: 'chain.crt' })).certificate?.subject).toBe('CN=server');
    await expect(load(folder, { certfile: 'end.crt' })).rejects.toMatchObject({
      code: 'SALLY_TLS_CHAIN',
      message: expect.stringContaining('its issuer CN=Middle is not there'),
    });
    await writeFile(join(folder, 'reversed.crt'), `${middle}${end}`);
    await expect(load(folder, { certfile: 'reversed.crt' })).rejects.toMatchObject({ name: 'SallyError' });
  });

  it('[S7] no extended key usage: with a warning', async () => {
    const folder = await made(
      ec,
      'x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out plain.crt',
    );
    expect((await load(folder, { certfile: 'plain.crt' })).warnings).toMatchObject([
      { code: 'SALLY_TLS_NO_PURPOSE' },
    ]);
  });
});

it('[S7,G5] a key of RSA 512 is refused, and the error says what to do', async () => {
  await expect(load(await made('rsa:512'))).rejects.toMatchObject({
    code: 'SALLY_TLS_WEAK',
    message: expect.stringContaining('RSA key of 512 bits'),
    remedy: expect.stringContaining('RSA of 2048'),
  });
});
