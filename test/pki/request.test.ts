import { execFileSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import {
  checkCertificates,
  ensureAll,
  ensurePlugin,
  parseSans,
  renewCertificates,
  rotateCa,
  signRequest,
} from '../../src/pki/index.js';
import { judgedBy } from '../support/judges.js';
import { opensslText, opensslVerify, snapshot, temporaryFolder } from './folders.js';

const keyType = 'ec-p256';
const it = judgedBy('openssl');

/** A request and its key, as the plugin's host makes them. */
function request(
  subject: string,
  { key = ['ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'], extensions = [] as string[] } = {},
) {
  const dir = temporaryFolder();
  const paths = { key: join(dir, 'own.key'), csr: join(dir, 'own.csr') };
  const added = extensions.flatMap((extension) => ['-addext', extension]);
  execFileSync(
    'openssl',
    [
      'req',
      '-new',
      '-newkey',
      ...key,
      '-nodes',
      '-subj',
      subject,
      ...added,
      '-keyout',
      paths.key,
      '-out',
      paths.csr,
    ],
    { stdio: 'pipe' },
  );
  return { pem: readFileSync(paths.csr, 'utf8'), key: createPrivateKey(readFileSync(paths.key)) };
}

const folder = (dir: string, name = 'Far') => join(dir, 'plugins', name);
const certificate = (dir: string, name = 'Far') =>
  new X509Certificate(readFileSync(join(folder(dir, name), 'server.crt')));

describe('signing a request', () => {
  it('gives a certificate for its key, and no key, in a folder that is whole as it is', async () => {
    const dir = temporaryFolder();
    const { pem, key } = request('/CN=Far');
    const { outcome, notes } = await signRequest(pem, { dir, keyType });
    expect({ outcome, notes }).toEqual({ outcome: 'made', notes: [] });
    expect(readdirSync(folder(dir)).sort()).toEqual(['ca.crt', 'server.crt', 'server.csr']);
    expect(certificate(dir).checkPrivateKey(key)).toBe(true);
    expect(opensslVerify(join(dir, 'ca/ca.crt'), join(folder(dir), 'server.crt'), 'sslserver')).toBe('OK');
    expect((await checkCertificates({ dir })).status).toBe(0);
    const before = snapshot(dir);
    expect((await signRequest(pem, { dir })).outcome).toBe('kept');
    const [, kept] = await ensurePlugin('Far', { dir });
    expect(kept).toMatchObject({ outcome: 'kept', notes: [] });
    expect(snapshot(dir)).toEqual(before);
  });

  it('takes over nothing of it but the key, and names that are allowed', async () => {
    const dir = temporaryFolder();
    const { pem } = request('/O=Evil/CN=mcp-plugin-Far/emailAddress=a@b.example', {
      extensions: [
        'basicConstraints=critical,CA:TRUE',
        'keyUsage=keyCertSign,cRLSign',
        'extendedKeyUsage=clientAuth',
        'subjectAltName=URI:spiffe://sallyport.local/gateway,DNS:far.example,DNS:evil.example,IP:10.0.0.1,email:a@b.example',
      ],
    });
    const extraSans = parseSans('DNS:far.example,IP:10.0.0.1,DNS:unasked.example');
    const { notes } = await signRequest(pem, { dir, keyType, extraSans });
    const text = opensslText(join(folder(dir), 'server.crt'));
    expect(text).toMatch(/Subject: CN = mcp-plugin-Far, O = Sallyport, OU = Plugins\n/);
    expect(text).toContain('CA:FALSE');
    expect(text).toMatch(/Key Usage: critical\s+Digital Signature\n/);
    expect(text).toMatch(/Extended Key Usage: \s+TLS Web Server Authentication\n/);
    expect(text).toContain(
      'DNS:Far, DNS:mcp-plugin-Far, DNS:localhost, URI:spiffe://sallyport.local/plugin/Far, DNS:far.example, IP Address:10.0.0.1\n',
    );
    expect(notes.join('\n')).toContain(
      'URI:spiffe://sallyport.local/gateway, DNS:evil.example, which the request asks',
    );
    expect(notes.join('\n')).toContain('DNS:unasked.example, which the request does not ask');
  });

  it.each<[string, () => string, string]>([
    ['text that is no request', () => 'hello', 'not a certificate request'],
    [
      'a request whose signature is not of its key',
      () => {
        const der = Buffer.from(request('/CN=Far').pem.replaceAll(/-----.*-----|\s/g, ''), 'base64');
        der[der.length - 1] = (der.at(-1) ?? 0) ^ 1;
        return `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
      },
      'its signature is not of the key',
    ],
    ['a short RSA key', () => request('/CN=Far', { key: ['rsa:1024'] }).pem, '1024 bits'],
    [
      'a curve that TLS peers refuse',
      () => request('/CN=Far', { key: ['ec', '-pkeyopt', 'ec_paramgen_curve:secp256k1'] }).pem,
      'secp256k1',
    ],
  ])('refuses %s', async (_, make, text) => {
    const dir = temporaryFolder();
    await expect(signRequest(make(), { dir, keyType, path: 'own.csr' })).rejects.toMatchObject({
      code: 'SALLY_CERT_REQUEST',
      message: expect.stringContaining(text),
    });
    expect(readdirSync(dir)).toEqual([]);
  });

  it.each(['/O=No name', '/CN=..%2fca', '/CN=with space'])(
    'refuses %s as the name of a plugin',
    async (subject) => {
      const dir = temporaryFolder();
      const { pem } = request(subject);
      await expect(signRequest(pem, { dir, keyType })).rejects.toMatchObject({
        code: 'SALLY_CERT_PLUGIN_NAME',
      });
      expect(readdirSync(dir)).toEqual([]);
      expect((await signRequest(pem, { dir, keyType, name: 'Given' })).name).toBe('Given');
    },
  );

  it('cannot take the place of another by a name that it chose itself', async () => {
    const dir = temporaryFolder();
    await signRequest(request('/CN=Far').pem, { dir, keyType });
    const other = request('/CN=Far');
    const before = snapshot(dir);
    await expect(signRequest(other.pem, { dir })).rejects.toMatchObject({
      code: 'SALLY_CERT_REQUEST_CONFLICT',
      remedy: expect.stringContaining('certs plugin Far --csr'),
    });
    expect(snapshot(dir)).toEqual(before);
    expect((await signRequest(other.pem, { dir, name: 'Far' })).outcome).toBe('made');
    expect(certificate(dir).checkPrivateKey(other.key)).toBe(true);
    expect((await checkCertificates({ dir })).status).toBe(0);
  });

  it('does not replace a key that is in the folder', async () => {
    const dir = temporaryFolder();
    await ensureAll(['Far'], { dir, keyType });
    const { pem } = request('/CN=Far');
    await expect(signRequest(pem, { dir, name: 'Far' })).rejects.toMatchObject({
      code: 'SALLY_CERT_REQUEST_CONFLICT',
      remedy: expect.stringContaining('rm -r'),
    });
  });

  it.each(['server.crt', 'ca.crt'])('is completed from the request where %s is missing', async (name) => {
    const dir = temporaryFolder();
    const { pem, key } = request('/CN=Far');
    await signRequest(pem, { dir, keyType });
    rmSync(join(folder(dir), name));
    await ensurePlugin('Far', { dir });
    expect(readdirSync(folder(dir)).sort()).toEqual(['ca.crt', 'server.crt', 'server.csr']);
    expect(certificate(dir).checkPrivateKey(key)).toBe(true);
  });

  it('is answered by renewal where a run was cut off between request and certificate', async () => {
    const dir = temporaryFolder();
    await signRequest(request('/CN=Far').pem, { dir, keyType });
    const { pem, key } = request('/CN=Far');
    writeFileSync(join(folder(dir), 'server.csr'), pem);
    const entry = (await checkCertificates({ dir })).entries.find(({ name }) => name === 'Far');
    expect(entry).toMatchObject({
      verdict: 'incomplete',
      remedy: expect.stringContaining('certs renew Far'),
    });
    await renewCertificates({ dir });
    expect(certificate(dir).checkPrivateKey(key)).toBe(true);
    expect((await checkCertificates({ dir })).status).toBe(0);
  });

  it('keeps its key through a renewal and a new CA', async () => {
    const dir = temporaryFolder();
    const { pem, key } = request('/CN=Far');
    await signRequest(pem, { dir, keyType });
    const serials = new Set([certificate(dir).serialNumber]);
    const [renewed] = await renewCertificates({ dir, names: ['Far'], force: true });
    expect(renewed?.notes.join()).toContain('kept elsewhere');
    serials.add(certificate(dir).serialNumber);
    for (const step of ['prepare', 'activate', 'retire'] as const) await rotateCa(step, { dir });
    serials.add(certificate(dir).serialNumber);
    expect(serials.size).toBe(3);
    expect(certificate(dir).checkPrivateKey(key)).toBe(true);
    expect(readdirSync(folder(dir)).sort()).toEqual(['ca.crt', 'server.crt', 'server.csr']);
    expect((await checkCertificates({ dir })).status).toBe(0);
  });
});
