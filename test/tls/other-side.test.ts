import { X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Issued } from '../../src/pki/index.js';
import { type CredentialFiles, filesOf } from '../../src/tls/files.js';
import { loadCredentials } from '../../src/tls/load.js';
import type { TlsRole } from '../../src/tls/own.js';
import { anyPeer, judgePeer } from '../../src/tls/trust.js';
import { temporaryFolder } from '../support/folder.js';
import { gatewayLeaf, newCa, newCrl } from '../support/trust.js';
import { leaf, parsed, resigned } from './made.js';

const load = (files: CredentialFiles, role: TlsRole = 'server') =>
  loadCredentials(files, role, { version: 1, now: new Date() });

/** A server whose certificate leads over an intermediate to one CA, and clients of another. */
async function twoCas(request: Parameters<typeof leaf>[1] = {}) {
  const folder = await temporaryFolder();
  const [publicRoot, clients] = await Promise.all([newCa('Public Root'), newCa('Private CA')]);
  const middle = resigned(await newCa('Public Issuing CA'), publicRoot);
  const server = await leaf(middle, request);
  const path = async (name: string, ...parts: readonly (string | Issued)[]) => {
    const text = parts.map((part) => (typeof part === 'string' ? part : part.certPem)).join('');
    await writeFile(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const files = {
    certfile: await path('tls.crt', server, middle),
    keyfile: await path('tls.key', server.keyPem),
    caBundle: await path('clients.crt', clients),
  };
  return { folder, path, publicRoot, middle, clients, server, files };
}

const judge = (set: Awaited<ReturnType<typeof load>>, ...chain: readonly Issued[]) =>
  judgePeer(chain.map(parsed), { set, rule: anyPeer, peer: 'x', side: 'server', now: new Date() });

describe('a bundle that is for the other side alone', () => {
  it('[S7] need not have the CA of the own certificate, and trusts none of its chain', async () => {
    const { files, publicRoot, middle, clients } = await twoCas();
    const set = await load({ ...files, anyIssuer: true });
    expect(set.chain.map(({ subject }) => subject)).toEqual([
      'CN=server',
      expect.stringContaining('Public Issuing CA'),
    ]);
    expect(set.authorities.map(({ raw }) => raw)).toEqual([parsed(clients).raw]);
    expect(judge(set, await gatewayLeaf(clients))).toMatchObject({ kind: 'trusted' });
    for (const chain of [
      [await gatewayLeaf(publicRoot)],
      [await gatewayLeaf(middle), middle],
      [await gatewayLeaf(middle), middle, publicRoot],
    ])
      expect(judge(set, ...chain)).toMatchObject({
        kind: 'refused',
        error: { code: 'SALLY_TLS_UNKNOWN_CA' },
      });
  });

  it('[S7] is an error between gateway and plugin servers', async () => {
    const { files } = await twoCas();
    await expect(load(files)).rejects.toMatchObject({ code: 'SALLY_TLS_CHAIN' });
  });

  it.each<[string, Parameters<typeof leaf>[1], string]>([
    [
      'has expired',
      { notBefore: new Date('2020-01-01'), notAfter: new Date('2021-01-01') },
      'SALLY_CERT_EXPIRED',
    ],
    ['is of a client', { purposes: ['clientAuth'] }, 'SALLY_TLS_PURPOSE'],
  ])('[S7] does not excuse an own certificate that %s', async (_title, request, code) => {
    const { files } = await twoCas(request);
    await expect(load({ ...files, anyIssuer: true })).rejects.toMatchObject({ code });
  });

  it('[S7] does not excuse an intermediate of the own chain that has expired', async () => {
    const { files, path, server } = await twoCas();
    const ended = { notBefore: new Date('2020-01-01'), notAfter: new Date('2021-01-01') };
    const { createCa } = await import('../../src/pki/index.js');
    const old = await createCa({ ...ended, subject: { CN: 'Old Issuing CA' } });
    const end = await leaf(old);
    const certfile = await path('old.crt', end, old);
    const keyfile = await path('old.key', end.keyPem);
    await expect(load({ ...files, certfile, keyfile, anyIssuer: true })).rejects.toMatchObject({
      code: 'SALLY_CERT_EXPIRED',
    });
    expect(server.certPem).toContain('BEGIN');
  });

  it('[O3] wants revocation lists of its own CAs, and none of that of the own certificate', async () => {
    const { files, path, publicRoot, clients } = await twoCas();
    const [good, bad] = [await gatewayLeaf(clients), await gatewayLeaf(clients)];
    const crlFile = await path('clients.crl', await newCrl(clients, [bad]));
    const set = await load({ ...files, crlFile, anyIssuer: true });
    expect(judge(set, good)).toMatchObject({ kind: 'trusted' });
    expect(judge(set, bad)).toMatchObject({ error: { code: 'SALLY_TLS_REVOKED' } });
    const foreign = await path('foreign.crl', await newCrl(clients), await newCrl(publicRoot));
    await expect(load({ ...files, crlFile: foreign, anyIssuer: true })).rejects.toMatchObject({
      code: 'SALLY_CRL_FOREIGN',
    });
  });

  it('[S7] of two settings that differ in that alone, each has credentials of its own', () => {
    expect(JSON.stringify(filesOf({ anyIssuer: true }))).not.toBe(JSON.stringify(filesOf({})));
    expect(JSON.stringify(filesOf({ partialChain: true }))).not.toBe(JSON.stringify(filesOf({})));
  });
});

describe('a bundle that holds an intermediate CA alone', () => {
  const below = async () => {
    const { path, publicRoot, middle, ...more } = await twoCas();
    return { ...more, path, publicRoot, middle, caBundle: await path('middle.crt', middle) };
  };

  it('[S7,G5] is refused, and the remedy names the setting that trusts it', async () => {
    const { files, caBundle } = await below();
    await expect(load({ ...files, caBundle })).rejects.toMatchObject({
      code: 'SALLY_TLS_CHAIN',
      remedy: expect.stringContaining('partial_chain: true'),
    });
    for (const more of [{ anyIssuer: true }, { certfile: undefined, keyfile: undefined }])
      await expect(load({ ...files, caBundle, ...more })).rejects.toMatchObject({
        code: 'SALLY_TLS_NO_ROOT',
        message: expect.stringContaining('Public Issuing CA'),
        remedy: expect.stringContaining('partial_chain: true'),
      });
  });

  it('[S7] is trusted as it is where that is said, for both sides of one CA', async () => {
    const { files, caBundle, middle, publicRoot } = await below();
    const set = await load({ ...files, caBundle, partialChain: true });
    const ours = await gatewayLeaf(middle);
    for (const chain of [[ours], [ours, middle], [ours, middle, publicRoot]])
      expect(judge(set, ...chain)).toMatchObject({ kind: 'trusted' });
    expect(judge(set, await gatewayLeaf(publicRoot), publicRoot)).toMatchObject({
      error: { code: 'SALLY_TLS_UNKNOWN_CA' },
    });
  });

  it('[O3] needs the revocation list of that CA, not of the one above it', async () => {
    const { files, path, caBundle, middle } = await below();
    const [good, bad] = [await gatewayLeaf(middle), await gatewayLeaf(middle)];
    const crlFile = await path('middle.crl', await newCrl(middle, [bad]));
    const set = await load({ ...files, caBundle, crlFile, partialChain: true });
    expect(judge(set, good)).toMatchObject({ kind: 'trusted' });
    expect(judge(set, bad)).toMatchObject({ error: { code: 'SALLY_TLS_REVOKED' } });
  });
});

it('[S7] the certificates of a chain that is shown are those of the file, in its order', async () => {
  const { files } = await twoCas();
  const set = await load({ ...files, anyIssuer: true });
  expect(set.chain[0]).toBeInstanceOf(X509Certificate);
  expect(set.certificate).toBe(set.chain[0]);
});
