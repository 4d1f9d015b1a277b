import { createPrivateKey, generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Der, derValues } from '../../src/pki/der.js';
import { createCa, type Issued, issueLeaf, type LeafRequest, parseSans } from '../../src/pki/index.js';
import { run } from '../support/command.js';

const day = 86_400_000;
const validity = {
  notBefore: new Date(Date.now() - day),
  notAfter: new Date(Date.now() + 60 * day),
};

/** A CA of that common name. */
export function ca(CN: string, request: Partial<Parameters<typeof createCa>[0]> = {}): Promise<Issued> {
  return createCa({ ...validity, subject: { CN }, ...request });
}

/** A certificate of a server, issued by `issuer`. */
export function leaf(issuer: Issued, request: Partial<LeafRequest> = {}): Promise<Issued> {
  const purposes = ['serverAuth'] as const;
  return issueLeaf({
    ...validity,
    ca: issuer,
    subject: { CN: 'server' },
    sans: parseSans('DNS:localhost'),
    purposes,
    ...request,
  });
}

export const parsed = ({ certPem }: Issued): X509Certificate => new X509Certificate(certPem);

const der = (tag: number, ...parts: readonly Buffer[]): Buffer => {
  const content = Buffer.concat(parts);
  const { length } = content;
  const head = length < 0x80 ? [length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
};
const utcTime = (date: Date) =>
  der(0x17, Buffer.from(`${date.toISOString().slice(2, 19).replace(/[-:T]/g, '')}Z`));

/** A certificate of X.509 version 1, as roots of the nineties and short openssl commands are; self-signed without `issuer`. */
export function version1(CN: string, issuer?: Issued): Issued {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signer = issuer?.keyPem ?? privateKey;
  const ecdsaWithSha256 = der(0x30, der(0x06, Buffer.from('2a8648ce3d040302', 'hex')));
  const commonName = der(0x06, Buffer.from('550403', 'hex'));
  const name = (text: string) => der(0x30, der(0x31, der(0x30, commonName, der(0x0c, Buffer.from(text)))));
  const issuerName = issuer ? parsed(issuer).subject.replace('CN=', '') : CN;
  const tbs = der(
    0x30,
    der(0x02, Buffer.from([1])),
    ecdsaWithSha256,
    name(issuerName),
    der(0x30, utcTime(validity.notBefore), utcTime(validity.notAfter)),
    name(CN),
    publicKey.export({ type: 'spki', format: 'der' }),
  );
  const signature = der(0x03, Buffer.from([0]), sign('sha256', tbs, signer));
  return {
    certPem: new X509Certificate(der(0x30, tbs, ecdsaWithSha256, signature)).toString(),
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

const algorithms = {
  sha1: { ec: '2a8648ce3d0401', rsa: '2a864886f70d010105' },
  md5: { ec: '', rsa: '2a864886f70d010104' },
  sha256: { ec: '2a8648ce3d040302', rsa: '2a864886f70d01010b' },
} as const;

/** What tools do that nobody should: a certificate as `issued` is, signed by `ca` over that change of it. */
export function resigned(
  issued: Issued,
  ca: Issued,
  change: {
    readonly hash?: keyof typeof algorithms;
    /** The content of the INTEGER. */
    readonly serial?: Buffer;
    /** An extension that stands twice, by the last octet of its identifier (2.5.29.x). */
    readonly twice?: number;
    /** Says CA:TRUE in basicConstraints. */
    readonly ca?: true;
  } = {},
): Issued {
  const { hash = 'sha256', serial, twice } = change;
  const [outer] = derValues(parsed(issued).raw) ?? [];
  const [tbs] = derValues(outer?.content ?? Buffer.alloc(0)) ?? [];
  const fields = [...(derValues(tbs?.content ?? Buffer.alloc(0)) ?? [])];
  const [caOuter] = derValues(parsed(ca).raw) ?? [];
  const [caTbs] = derValues(caOuter?.content ?? Buffer.alloc(0)) ?? [];
  const issuer = derValues(caTbs?.content ?? Buffer.alloc(0))?.[5]?.whole ?? Buffer.alloc(0);
  const signer = createPrivateKey(ca.keyPem);
  const kind = signer.asymmetricKeyType === 'rsa' ? 'rsa' : 'ec';
  const algorithm = der(
    0x30,
    der(0x06, Buffer.from(algorithms[hash][kind], 'hex')),
    kind === 'rsa' ? Buffer.from([5, 0]) : Buffer.alloc(0),
  );
  const changed = fields.map(({ tag, whole, content }, i) => {
    if (i === 1 && serial) return der(0x02, serial);
    if (i === 2) return algorithm;
    if (i === 3) return issuer;
    if (tag !== 0xa3) return whole;
    const [sequence] = derValues(content) ?? [];
    const list = derValues(sequence?.content ?? Buffer.alloc(0)) ?? [];
    const idOf = (extension: Der) => derValues(extension.content)?.[0]?.content.at(-1);
    const extensions = list.flatMap((extension) => {
      const id = idOf(extension);
      const again = id === twice ? [extension.whole] : [];
      if (id !== 19 || !change.ca) return [extension.whole, ...again];
      const isCa = der(0x30, der(0x01, Buffer.from([0xff])));
      return [der(0x30, der(0x06, Buffer.from('551d13', 'hex')), der(0x04, isCa)), ...again];
    });
    return der(0xa3, der(0x30, ...extensions));
  });
  const body = der(0x30, ...changed);
  const signature = der(0x03, Buffer.from([0]), sign(hash, body, signer));
  return {
    certPem: new X509Certificate(der(0x30, body, algorithm, signature)).toString(),
    keyPem: issued.keyPem,
  };
}

/** Writes a certificate and its key, as `<name>.crt` and `<name>.key`. */
export async function write(folder: string, name: string, { certPem, keyPem }: Issued) {
  const [certfile, keyfile] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)];
  await writeFile(certfile, certPem);
  await writeFile(keyfile, keyPem, { mode: 0o600 });
  return { certfile, keyfile };
}

/** Runs openssl in a folder, one command a line; every one has to succeed. What the last one printed. */
export async function openssl(cwd: string, commands: string): Promise<string> {
  let printed = '';
  for (const command of commands.trim().split('\n')) {
    const { status, stdout, stderr } = await run('openssl', command.trim().split(/ +/), { cwd });
    expect(status, `openssl ${command.trim()}: ${stderr}`).toBe(0);
    printed = stdout;
  }
  return printed;
}

/** Lines for `openssl -extfile`, for a server's certificate and for a CA below another. */
export const extensions = {
  leaf: 'subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n',
  intermediate: 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n',
};
