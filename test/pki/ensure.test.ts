import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  checkCertificates,
  ensureAll,
  ensureCa,
  ensureGateway,
  ensurePlugin,
  parseSans,
} from '../../src/pki/index.js';
import { judgedBy } from '../support/judges.js';
import { opensslCa, opensslVerify, snapshot, temporaryFolder } from './folders.js';

const keyType = 'ec-p256';
const day = 86_400_000;

describe('making certificates', () => {
  it('[C1,C4,C5,C6] all of them have the names, permissions and copies they are known by', async () => {
    const dir = temporaryFolder();
    await ensureAll(['One', 'Two'], { dir, keyType });
    const modes = Object.entries(snapshot(dir)).map(([path, what]) => `${what.slice(0, 3)} ${path}`);
    expect(modes).toEqual([
      '644 ca/ca.crt',
      '600 ca/ca.key',
      '644 gateway/ca.crt',
      '644 gateway/client.crt',
      '600 gateway/client.key',
      '600 gateway/client.pem',
      '644 plugins/One/ca.crt',
      '644 plugins/One/server.crt',
      '600 plugins/One/server.key',
      '644 plugins/Two/ca.crt',
      '644 plugins/Two/server.crt',
      '600 plugins/Two/server.key',
    ]);
  });

  it('[C8] every ca.crt is the same, and client.pem is the certificate and then the key', async () => {
    const dir = temporaryFolder();
    await ensureAll(['One'], { dir, keyType });
    const read = (path: string) => readFileSync(join(dir, path), 'utf8');
    expect(read('gateway/ca.crt')).toBe(read('ca/ca.crt'));
    expect(read('plugins/One/ca.crt')).toBe(read('ca/ca.crt'));
    expect(read('gateway/client.pem')).toBe(read('gateway/client.crt') + read('gateway/client.key'));
  });

  it('[C4,C9] a second time everything is kept as it is', async () => {
    const dir = temporaryFolder();
    await ensureAll(['One'], { dir, keyType });
    const before = snapshot(dir);
    const results = await ensureAll(['One'], { dir, keyType: 'ed25519', days: 5 });
    expect(snapshot(dir)).toEqual(before);
    expect(results.map(({ outcome }) => outcome)).toEqual(['kept', 'kept', 'kept']);
  });

  it('[C5,C6] gateway and plugin make the CA that they need, once', async () => {
    const dir = temporaryFolder();
    expect((await ensureGateway({ dir, keyType })).map(({ outcome }) => outcome)).toEqual(['made', 'made']);
    expect((await ensurePlugin('One', { dir, keyType })).map(({ outcome }) => outcome)).toEqual([
      'kept',
      'made',
    ]);
  });

  it('no leaf outlives its CA, and the shortening is said', async () => {
    const dir = temporaryFolder();
    const ca = await ensureCa({ dir, keyType, days: 10 });
    const [, plugin] = await ensurePlugin('One', { dir, keyType, days: 30 });
    expect(plugin?.notAfter).toEqual(ca.notAfter);
    expect(plugin?.notes.join()).toContain('before the 30 days are over');
  });

  it('of a leaf that is made in the run of its CA nothing is said', async () => {
    const results = await ensureAll(['One'], { dir: temporaryFolder(), keyType, days: 825 });
    expect(results.flatMap(({ notes }) => notes)).toEqual([]);
    expect(new Set(results.map(({ notAfter }) => notAfter.getTime())).size).toBe(1);
  });

  it('[C6] says which of the wanted names a kept certificate lacks', async () => {
    const dir = temporaryFolder();
    await ensurePlugin('One', { dir, keyType, extraSans: parseSans('IP:0::1') });
    const [, plugin] = await ensurePlugin('One', { dir, keyType, extraSans: parseSans('IP:::1,DNS:more') });
    expect(plugin?.outcome).toBe('kept');
    // As it is printed, the command grants them.
    expect(plugin?.notes.join()).toMatch(/lacks DNS:more; .* certs plugin One .*--sans 'IP:::1,DNS:more'$/);
  });

  it('says of a kept certificate that it has expired', async () => {
    const dir = temporaryFolder();
    await ensureCa({ dir, keyType, days: 100 });
    await ensureGateway({ dir, keyType, days: 1 });
    const [, gateway] = await ensureGateway({ dir, now: () => new Date(Date.now() + 2 * day) });
    expect(gateway?.notes.join()).toContain('expired on');
  });

  it('tells how many keys are ready', async () => {
    const seen: number[] = [];
    await ensureAll(['One'], { dir: temporaryFolder(), keyType, onKey: ({ ready }) => seen.push(ready) });
    expect(seen).toEqual([1, 2, 3]);
  });
});

describe('what an interrupted run leaves', () => {
  judgedBy('openssl').each([
    ['ca/ca.crt', 'plugins', 'gateway'],
    ['gateway/client.crt', 'gateway/ca.crt', 'gateway/client.pem'],
    ['gateway/client.pem'],
    ['gateway/ca.crt'],
    ['plugins/One/server.crt', 'plugins/One/ca.crt'],
    ['plugins/One/ca.crt'],
  ])('[C9] is completed without touching what is there: %s missing', async (...missing) => {
    const dir = temporaryFolder();
    await ensureAll(['One'], { dir, keyType });
    for (const path of missing) rmSync(join(dir, path), { recursive: true });
    const left = snapshot(dir);
    const results = await ensureAll(['One'], { dir, keyType });
    const whole = snapshot(dir);
    expect(whole).toMatchObject(left);
    expect(Object.keys(whole)).toHaveLength(9);
    expect(results.some(({ outcome }) => outcome === 'repaired')).toBe(true);
    expect(opensslVerify(join(dir, 'ca/ca.crt'), join(dir, 'gateway/client.crt'), 'sslclient')).toBe('OK');
    expect(opensslVerify(join(dir, 'ca/ca.crt'), join(dir, 'plugins/One/server.crt'), 'sslserver')).toBe(
      'OK',
    );
  });

  it('[C9] half-written files of dead processes are removed, those of living ones stay', async () => {
    const dir = temporaryFolder();
    mkdirSync(join(dir, 'gateway'));
    const alive = `.client.key.${process.pid}.0123456789abcdef.tmp`;
    writeFileSync(join(dir, 'gateway', alive), '');
    writeFileSync(join(dir, 'gateway', '.client.key.4194304.0123456789abcdef.tmp'), '');
    await ensureGateway({ dir, keyType });
    expect(readdirSync(join(dir, 'gateway'))).toEqual([
      alive,
      'ca.crt',
      'client.crt',
      'client.key',
      'client.pem',
    ]);
  });
});

describe('what stands in the way', () => {
  const refused = async (dir: string, code: string, text: string) => {
    const before = snapshot(dir);
    await expect(ensureAll(['One', 'New'], { dir, keyType })).rejects.toMatchObject({
      code,
      message: expect.stringContaining(text),
      remedy: expect.stringMatching(/\S/),
    });
    expect(snapshot(dir)).toEqual(before);
  };

  it.each([
    ['ca.crt', 'nonsense', 'not a certificate'],
    ['ca.crt', '', 'not a certificate'],
    ['ca.key', 'nonsense', 'not a private key'],
  ])('[C9] an unreadable CA: %s with %j', async (file, content, text) => {
    const dir = temporaryFolder();
    await ensureCa({ dir, keyType });
    writeFileSync(join(dir, 'ca', file), content);
    await refused(dir, 'SALLY_CA_UNUSABLE', text);
  });

  it('[C9] a folder in place of a file', async () => {
    const dir = temporaryFolder();
    mkdirSync(join(dir, 'ca/ca.crt'), { recursive: true });
    await expect(ensureCa({ dir, keyType })).rejects.toMatchObject({ code: 'SALLY_FILE_UNREADABLE' });
  });

  it('[C9] a CA without its key', async () => {
    const dir = temporaryFolder();
    await ensureCa({ dir, keyType });
    rmSync(join(dir, 'ca/ca.key'));
    await refused(dir, 'SALLY_CA_UNUSABLE', 'ca.key beside it');
  });

  it('[C9] a CA with the key of another', async () => {
    const [dir, other] = [temporaryFolder(), temporaryFolder()];
    await Promise.all([ensureCa({ dir, keyType }), ensureCa({ dir: other, keyType })]);
    copyFileSync(join(other, 'ca/ca.key'), join(dir, 'ca/ca.key'));
    await refused(dir, 'SALLY_CA_UNUSABLE', 'is not the key of the certificate');
  });

  it('[C9] a CA that has expired', async () => {
    const dir = temporaryFolder();
    await ensureCa({ dir, keyType, days: 1, now: () => new Date(Date.now() - 3 * day) });
    await refused(dir, 'SALLY_CA_UNUSABLE', 'expired on');
  });

  it('[C9] a leaf in place of the CA', async () => {
    const dir = temporaryFolder();
    await ensurePlugin('One', { dir, keyType });
    copyFileSync(join(dir, 'plugins/One/server.crt'), join(dir, 'ca/ca.crt'));
    copyFileSync(join(dir, 'plugins/One/server.key'), join(dir, 'ca/ca.key'));
    rmSync(join(dir, 'plugins'), { recursive: true });
    await refused(dir, 'SALLY_CA_UNUSABLE', 'not a CA certificate');
  });

  it('[C9] certificates of another CA, all of them in one message', async () => {
    const dir = temporaryFolder();
    await ensureAll(['One'], { dir, keyType });
    const other = temporaryFolder();
    await ensureCa({ dir: other, keyType });
    cpSync(join(other, 'ca'), join(dir, 'ca'), { recursive: true });
    await refused(dir, 'SALLY_CERT_UNUSABLE', 'gateway/client.crt was not issued by the CA');
    await refused(dir, 'SALLY_CERT_UNUSABLE', 'One/server.crt was not issued by the CA');
  });

  it.each([
    ['the CA', (dir: string) => ensureCa({ dir, keyType })],
    ['the gateway', (dir: string) => ensureGateway({ dir, keyType })],
    ['the same plugin', (dir: string) => ensurePlugin('One', { dir, keyType })],
    ['another plugin', (dir: string) => ensurePlugin('Two', { dir, keyType })],
    ['all', (dir: string) => ensureAll(['One', 'Two'], { dir, keyType })],
  ])('[C9] certificates whose CA is gone, where %s is to be made', async (_, make) => {
    const dir = temporaryFolder();
    await ensureAll(['One'], { dir, keyType });
    rmSync(join(dir, 'ca'), { recursive: true });
    const before = readdirSync(dir);
    await expect(make(dir)).rejects.toMatchObject({ code: 'SALLY_CA_ELSEWHERE' });
    expect(readdirSync(dir)).toEqual(before);
  });

  it('no certificates: a list of those that there were keeps no CA from being made', async () => {
    const dir = temporaryFolder();
    await ensurePlugin('One', { dir, keyType });
    for (const folder of ['ca', 'plugins']) rmSync(join(dir, folder), { recursive: true });
    expect((await ensurePlugin('One', { dir, keyType })).map(({ outcome }) => outcome)).toEqual([
      'made',
      'made',
    ]);
  });

  it.each([
    ['plugins/One/server.key', 'plugins/One/server.key is missing'],
    ['gateway/client.key', 'gateway/client.key is missing'],
  ])('[C9] a certificate without %s', async (path, text) => {
    const dir = temporaryFolder();
    await ensureAll(['One'], { dir, keyType });
    rmSync(join(dir, path));
    await refused(dir, 'SALLY_CERT_UNUSABLE', text);
  });

  it('[C8,C9] a ca.crt that is no copy', async () => {
    const dir = temporaryFolder();
    await ensureAll(['One'], { dir, keyType });
    copyFileSync(join(dir, 'gateway/client.crt'), join(dir, 'plugins/One/ca.crt'));
    await refused(dir, 'SALLY_CERT_UNUSABLE', 'plugins/One/ca.crt is not a copy');
  });

  it('[C9] a plugin whose folder differs in letter case only', async () => {
    const dir = temporaryFolder();
    await ensurePlugin('one', { dir, keyType });
    await refused(dir, 'SALLY_CERT_PLUGIN_NAMES_CLASH', 'One and one');
  });

  it('[C9] a file where a folder belongs', async () => {
    const dir = temporaryFolder();
    writeFileSync(join(dir, 'file'), '');
    await expect(ensureCa({ dir: join(dir, 'file/certs'), keyType })).rejects.toMatchObject({
      code: expect.stringMatching(/^SALLY_(CERT_WRITE|FILE_UNREADABLE)$/),
      exitStatus: 3,
    });
  });
});

describe("another tool's CA", () => {
  const good = [
    'basicConstraints=critical,CA:TRUE',
    'keyUsage=critical,keyCertSign,cRLSign',
    'subjectKeyIdentifier=hash',
    'authorityKeyIdentifier=keyid',
  ];
  const withCa = (extensions: readonly string[], options: readonly string[] = []) => {
    const dir = temporaryFolder();
    mkdirSync(join(dir, 'ca'));
    opensslCa(join(dir, 'ca'), extensions, options);
    return dir;
  };

  judgedBy('openssl')('[C8,C9] issues certificates that verify, its key may be of another kind', async () => {
    const dir = withCa(good, ['-days', '30']);
    await ensureAll(['One'], { dir, keyType: 'ed25519' });
    expect(opensslVerify(join(dir, 'ca/ca.crt'), join(dir, 'gateway/client.crt'), 'sslclient')).toBe('OK');
    expect(opensslVerify(join(dir, 'ca/ca.crt'), join(dir, 'plugins/One/server.crt'), 'sslserver')).toBe(
      'OK',
    );
  });

  judgedBy('openssl').each([
    ['no keyUsage', ['basicConstraints=critical,CA:TRUE', 'subjectKeyIdentifier=hash'], 'keyUsage'],
    [
      'basicConstraints that are not critical',
      ['basicConstraints=CA:TRUE', ...good.slice(1)],
      'basicConstraints',
    ],
  ])('[C7,C9] is accepted with %s, and said not to be strict', async (_, extensions, text) => {
    const dir = withCa(extensions, ['-days', '400']);
    await ensureAll(['One'], { dir, keyType });
    const { status, entries } = await checkCertificates({ dir });
    expect(status).toBe(0);
    expect(entries[0]).toMatchObject({
      verdict: 'not strict',
      findings: [{ detail: expect.stringContaining(text) }],
    });
  });

  judgedBy('openssl').each([
    [
      'no basicConstraints',
      ['keyUsage=critical,keyCertSign', 'subjectKeyIdentifier=hash'],
      'not a CA certificate',
    ],
    [
      'keyUsage without signing',
      ['basicConstraints=critical,CA:TRUE', 'keyUsage=cRLSign', 'subjectKeyIdentifier=hash'],
      'does not allow signing',
    ],
    ['a purpose of servers only', [...good, 'extendedKeyUsage=serverAuth'], 'does not allow both'],
    ['name constraints', [...good, 'nameConstraints=permitted;DNS:example.org'], 'name constraints'],
  ])('[C9] is refused with %s', async (_, extensions, text) => {
    const dir = withCa(extensions);
    await expect(ensureGateway({ dir, keyType })).rejects.toMatchObject({
      code: 'SALLY_CA_UNUSABLE',
      message: expect.stringContaining(text),
    });
    expect(readdirSync(dir)).toEqual(['ca']);
  });
});
