import { X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { canSign } from '../../src/pki/der.js';
import { followChain, weakShown } from '../../src/tls/chain.js';
import { temporaryFolder } from '../support/folder.js';
import { judgedBy } from '../support/judges.js';
import { ca, extensions, leaf, openssl, parsed, resigned, version1 } from './made.js';

describe('a leaf of a CA', () => {
  it('[S7] is trusted where the bundle holds that CA', async () => {
    const root = await ca('Root');
    const [end, anchor] = [parsed(await leaf(root)), parsed(root)];
    const verdict = followChain(end, [], [anchor]);
    expect(verdict).toMatchObject({ kind: 'trusted' });
    expect(verdict.kind === 'trusted' && verdict.path).toEqual([end, anchor]);
  });

  it('[S7] is trusted where the bundle holds that CA and another', async () => {
    const [root, other] = [await ca('Root'), await ca('Other')];
    const end = parsed(await leaf(root));
    for (const bundle of [
      [root, other],
      [other, root],
    ]) {
      expect(followChain(end, [], bundle.map(parsed)).kind).toBe('trusted');
    }
  });

  it.each([
    ['another CA', 'Other'],
    ['another CA of the same name', 'Root'],
  ])('[S7] is not trusted where the bundle holds %s', async (_title, name) => {
    const end = parsed(await leaf(await ca('Root')));
    expect(followChain(end, [], [parsed(await ca(name))])).toEqual({ kind: 'no-issuer', at: end });
  });

  it('[S7] is not trusted where the bundle holds only itself', async () => {
    const end = parsed(await leaf(await ca('Root')));
    expect(followChain(end, [], [end])).toEqual({ kind: 'no-issuer', at: end });
  });

  it('[S7] is not trusted by a bundle that holds nothing', async () => {
    const root = parsed(await ca('Root'));
    const end = parsed(await leaf(await ca('Root')));
    expect(followChain(end, [root], []).kind).toBe('no-issuer');
  });

  it('[S7] is trusted where two CAs of one name are in the bundle, in either order', async () => {
    const [old, renewed] = [await ca('Root'), await ca('Root')];
    const end = parsed(await leaf(renewed));
    for (const bundle of [
      [old, renewed],
      [renewed, old],
    ]) {
      expect(followChain(end, [], bundle.map(parsed)).kind).toBe('trusted');
    }
  });

  it('[S7] a CA is trusted as a leaf where the bundle holds it', async () => {
    const root = parsed(await ca('Root'));
    expect(followChain(root, [], [root])).toEqual({ kind: 'trusted', path: [root] });
    expect(followChain(root, [root], [parsed(await ca('Other'))]).kind).toBe('no-issuer');
  });
});

describe('a leaf that plays the CA', () => {
  it('[S7] does not lead to the CA above it', async () => {
    const root = await ca('Root');
    const middle = await leaf(root, { subject: { CN: 'middle' } });
    const end = parsed(await leaf(middle));
    expect(followChain(end, [parsed(middle)], [parsed(root)]).kind).not.toBe('trusted');
    expect(canSign(parsed(middle))).toBe(false);
    expect(canSign(parsed(root))).toBe(true);
  });

  judgedBy('openssl')('[S7] is named where nothing but basicConstraints forbids it', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'no-ca.ext'), 'basicConstraints=CA:FALSE\n');
    await openssl(
      folder,
      `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout root.key -out root.crt -subj /CN=Root
       req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout mid.key -out mid.csr -subj /CN=Middle
       x509 -req -in mid.csr -CA root.crt -CAkey root.key -CAcreateserial -extfile no-ca.ext -out mid.crt
       req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout end.key -out end.csr -subj /CN=End
       x509 -req -in end.csr -CA mid.crt -CAkey mid.key -CAcreateserial -out end.crt`,
    );
    const [root, middle, end] = await Promise.all(['root', 'mid', 'end'].map((name) => read(folder, name)));
    if (!root || !middle || !end) return expect.unreachable();
    expect(followChain(end, [middle], [root])).toEqual({ kind: 'not-a-ca', at: middle });
  });
});

judgedBy('openssl')('[S7] an intermediate leads to the root, wherever it is given', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'ca.ext'), extensions.intermediate);
  await writeFile(join(folder, 'leaf.ext'), extensions.leaf);
  await openssl(
    folder,
    `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout root.key -out root.crt -subj /CN=Root
     req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout mid.key -out mid.csr -subj /CN=Middle
     x509 -req -in mid.csr -CA root.crt -CAkey root.key -CAcreateserial -extfile ca.ext -out mid.crt
     req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout end.key -out end.csr -subj /CN=End
     x509 -req -in end.csr -CA mid.crt -CAkey mid.key -CAcreateserial -extfile leaf.ext -out end.crt`,
  );
  const [root, middle, end] = await Promise.all(['root', 'mid', 'end'].map((name) => read(folder, name)));
  if (!root || !middle || !end) return expect.unreachable();
  const path = [end, middle, root];
  expect(followChain(end, [middle], [root])).toEqual({ kind: 'trusted', path });
  expect(followChain(end, [], [middle, root])).toEqual({ kind: 'trusted', path });
  // Without it the chain ends at the leaf; without the root it ends at the intermediate, as OpenSSL has it.
  expect(followChain(end, [], [root])).toEqual({ kind: 'no-issuer', at: end });
  expect(followChain(end, [], [middle])).toEqual({ kind: 'no-issuer', at: middle });
});

it('[S7] a root of X.509 version 1 may sign, a leaf of version 1 may not', () => {
  const old = version1('Old Root');
  const [root, end] = [parsed(old), parsed(version1('End', old))];
  expect(root.ca).toBe(false);
  expect(canSign(root)).toBe(true);
  expect(canSign(end)).toBe(false);
  expect(followChain(end, [], [root])).toEqual({ kind: 'trusted', path: [end, root] });
});

judgedBy('openssl')('[S7] a self-signed leaf is trusted only where the bundle holds it', async () => {
  const folder = await temporaryFolder();
  const alone =
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -addext basicConstraints=CA:FALSE';
  await openssl(folder, `${alone} -keyout one.key -out one.crt -subj /CN=Self`);
  await openssl(folder, `${alone} -keyout two.key -out two.crt -subj /CN=Self`);
  const [one, two] = await Promise.all(['one', 'two'].map((name) => read(folder, name)));
  if (!one || !two) return expect.unreachable();
  expect(followChain(one, [], [one])).toEqual({ kind: 'trusted', path: [one] });
  expect(followChain(one, [], [two])).toEqual({ kind: 'no-issuer', at: one });
});

async function read(folder: string, name: string): Promise<X509Certificate> {
  return new X509Certificate(await readFile(join(folder, `${name}.crt`)));
}

describe('what a peer has shown', () => {
  it('[O3] may end below the root: the last certificate counts as the root only where it is self-signed', async () => {
    const root = await ca('Root');
    const middle = resigned(await ca('Middle'), root, { hash: 'sha1' });
    const end = await leaf(middle);
    expect(weakShown([parsed(end), parsed(middle)], 'server')?.certificate.subject).toBe('CN=Middle');
    const old = await ca('Old');
    const selfSigned = resigned(old, old, { hash: 'sha1' });
    expect(weakShown([parsed(await leaf(selfSigned)), parsed(selfSigned)], 'server')).toBeUndefined();
  });
});
