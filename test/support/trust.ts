import 'reflect-metadata';
import { createPrivateKey, webcrypto, X509Certificate } from 'node:crypto';
import { mkdir, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { createCa, type Issued, issueLeaf, type LeafRequest } from '../../src/pki/index.js';

const day = 86_400_000;
const inDays = (from: number, to: number) => ({
  notBefore: new Date(Date.now() + from * day),
  notAfter: new Date(Date.now() + to * day),
});

/** A CA in memory, of that common name. */
export const newCa = (CN = 'Sallyport MCP CA'): Promise<Issued> =>
  createCa({ ...inDays(-1, 90), subject: { CN } });

/** A certificate of the gateway, as `certs gateway` makes it. */
export function gatewayLeaf(ca: Issued, more: Partial<LeafRequest> = {}): Promise<Issued> {
  return issueLeaf({
    ...inDays(-1, 60),
    ca,
    subject: { CN: 'mcp-gateway-client' },
    purposes: ['clientAuth'],
    sans: [{ type: 'uri', value: 'spiffe://sallyport.local/gateway' }],
    ...more,
  });
}

/** A certificate of a plugin, as `certs plugin NAME` makes it. */
export function pluginLeaf(ca: Issued, name: string, more: Partial<LeafRequest> = {}): Promise<Issued> {
  return issueLeaf({
    ...inDays(-1, 60),
    ca,
    subject: { CN: `mcp-plugin-${name}` },
    purposes: ['serverAuth'],
    sans: [
      { type: 'dns', value: name },
      { type: 'dns', value: 'localhost' },
      { type: 'uri', value: `spiffe://sallyport.local/plugin/${name}` },
    ],
    ...more,
  });
}

/** A revocation list of `ca` that names `revoked`, in PEM. */
export async function newCrl(
  ca: Issued,
  revoked: readonly Issued[] = [],
  from = -1,
  to = 30,
): Promise<string> {
  const key = createPrivateKey(ca.keyPem);
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const signingKey = await webcrypto.subtle.importKey(
    'pkcs8',
    key.export({ type: 'pkcs8', format: 'der' }),
    algorithm,
    false,
    ['sign'],
  );
  const issuer = new x509.X509Certificate(ca.certPem);
  const { notBefore: thisUpdate, notAfter: nextUpdate } = inDays(from, to);
  const crl = await x509.X509CrlGenerator.create(
    {
      issuer: issuer.subjectName.toJSON(),
      thisUpdate,
      nextUpdate,
      entries: revoked.map(({ certPem }) => ({
        serialNumber: new X509Certificate(certPem).serialNumber,
        revocationDate: new Date(),
      })),
      extensions: [await x509.AuthorityKeyIdentifierExtension.create(issuer, false, webcrypto)],
      signingAlgorithm: algorithm,
      signingKey,
    },
    webcrypto,
  );
  // RFC 7468 section 6: the label is X509 CRL.
  return `${crl.toString('pem').replaceAll(' CRL-', ' X509 CRL-').trimEnd()}\n`;
}

/** The files of one side, by name. */
export type Files = Readonly<Record<string, string>>;

/** `tls.crt`, `tls.key` and `ca.crt`, as cert-manager names them. */
export const filesOf = (leaf: Issued, ...cas: readonly Issued[]): Files => ({
  'tls.crt': leaf.certPem,
  'tls.key': leaf.keyPem,
  'ca.crt': cas.map(({ certPem }) => certPem).join(''),
});

/** The `tls` block that names them. */
export const tlsBlock = (folder: string, more: object = {}) => ({
  certfile: join(folder, 'tls.crt'),
  keyfile: join(folder, 'tls.key'),
  ca_bundle: join(folder, 'ca.crt'),
  ...more,
});

/** The ways in which operators replace files. */
export const ways = {
  'a rename of each file': async (folder: string, files: Files) => {
    for (const [name, text] of Object.entries(files)) {
      await writeFile(join(folder, `.${name}.new`), text, { mode: 0o600 });
      await rename(join(folder, `.${name}.new`), join(folder, name));
    }
  },
  'a write in place': async (folder: string, files: Files) => {
    for (const [name, text] of Object.entries(files)) {
      await writeFile(join(folder, name), text, { mode: 0o600 });
    }
  },
  /** As the kubelet does it: the files are links into `..data`, which is a link that is swapped. */
  'a swap of ..data': async (folder: string, files: Files) => {
    const before = await readlink(join(folder, '..data')).catch(() => undefined);
    const version = `..${process.hrtime.bigint()}`;
    await mkdir(join(folder, version));
    for (const [name, text] of Object.entries(files)) {
      await writeFile(join(folder, version, name), text, { mode: 0o600 });
      await symlink(join('..data', name), join(folder, name)).catch(() => {});
    }
    await symlink(version, join(folder, '..data_tmp'));
    await rename(join(folder, '..data_tmp'), join(folder, '..data'));
    if (before !== undefined) await rm(join(folder, before), { recursive: true });
  },
} as const;
