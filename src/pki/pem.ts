import { createHash, createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { messageOf, NotPem, notPem } from '../errors.js';
import { hasIssued } from './der.js';

/** What is looked for in a PEM file (RFC 7468): the labels that OpenSSL takes for it, and its name in a sentence. */
const kinds = {
  certificate: { label: '(?:X509 |TRUSTED )?CERTIFICATE', shown: 'CERTIFICATE', what: 'a certificate' },
  list: { label: 'X509 CRL', shown: 'X509 CRL', what: 'a revocation list' },
} as const;

/**
 * The blocks of one kind in a PEM file, one at least; what stands between them is passed over. One that has a beginning
 * and no end is an error: the file is being written, and what stands before it is not all.
 *
 * @throws SALLY_TLS_NOT_PEM
 */
export function blocksOf(text: string, kind: keyof typeof kinds, path: string): readonly string[] {
  const { label, shown, what } = kinds[kind];
  const blocks =
    text.match(new RegExp(`-----BEGIN ${label}-----[\\s\\S]*?-----END ${label}-----`, 'g')) ?? [];
  if (blocks.length === 0) throw NotPem({ path, what, reason: whatIsThere(text, shown) });
  const rest = text.replace(/-----BEGIN ([^\n-]+)-----[\s\S]*?-----END \1-----/g, '').trim();
  if (/-----BEGIN|-+[BEGIN]*$/.test(rest))
    throw NotPem({ path, what, reason: 'its last END line is missing' });
  return blocks;
}

function whatIsThere(text: string, wanted: string): string {
  if (text.trim() === '') return 'the file is empty';
  const found = text.match(/-----BEGIN ([A-Z0-9 ]+)-----/)?.[1];
  // DER begins with a SEQUENCE, and is no UTF-8; PKCS #12 goes on with its version, 3 (RFC 7292 section 4).
  if (found === undefined && text.startsWith('0') && [...text].some((c) => c === '\ufffd' || c < '\t'))
    return text.slice(1, 9).includes('\u0002\u0001\u0003') ? notPem.pkcs12 : notPem.der;
  if (found === undefined && /\0|^\ufeff?\ufffd{2}/.test(text)) return 'it is UTF-16 text, or no text at all';
  if (found === undefined) return `no BEGIN ${wanted} line`;
  return found === wanted ? `its END ${wanted} line is missing` : `it holds a ${found}`;
}

/**
 * The certificates of a file, in its order; each has to be whole.
 *
 * @throws SALLY_TLS_NOT_PEM
 */
export function readCertificates(text: string, path: string): readonly X509Certificate[] {
  const blocks = blocksOf(text, 'certificate', path);
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch (error) {
      const which = blocks.length > 1 ? `certificate ${index + 1} of ${blocks.length}: ` : '';
      const reason = block.includes('\\n') ? 'its line breaks are written as \\n' : reasonOf(error);
      throw NotPem({ path, what: 'a certificate', reason: which + reason }, error);
    }
  });
}

/** What OpenSSL says, without its number and the parts of it that say so: `error:0480006C:PEM routines::no start line`. */
const reasonOf = (error: unknown): string =>
  messageOf(error).replace(/^error:[0-9A-F]+:([^:]*):[^:]*:/i, '$1: ');

/** As `readCertificates`; none where the file is not as it has to be. */
export function certificatesIn(text: string | undefined): readonly X509Certificate[] {
  if (text === undefined) return [];
  try {
    return readCertificates(text, '');
  } catch {
    return [];
  }
}

/** What a key file holds. */
export type KeyContent =
  | { readonly kind: 'key'; readonly key: KeyObject }
  /** No password was given, or not the right one: fine for a server that knows it, but not to sign with. */
  | { readonly kind: 'encrypted'; readonly cause?: unknown }
  | { readonly kind: 'bad'; readonly reason: string; readonly cause?: unknown };

/** The private key of a file; other blocks may stand before it, as a certificate or the parameters of its curve. */
export function readKey(text: string, password?: string): KeyContent {
  const block = /-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----[\s\S]*?-----END \1-----/.exec(text);
  if (block === null) return { kind: 'bad', reason: whatIsThere(text, 'PRIVATE KEY') };
  if (block[1] === 'OPENSSH PRIVATE KEY') return { kind: 'bad', reason: `it holds a ${block[1]}` };
  const encrypted = block[1] === 'ENCRYPTED PRIVATE KEY' || block[0].includes('Proc-Type: 4,ENCRYPTED');
  if (encrypted && !password) return { kind: 'encrypted' };
  try {
    const passphrase = encrypted && { passphrase: password };
    return { kind: 'key', key: createPrivateKey({ key: block[0], ...passphrase }) };
  } catch (cause) {
    return encrypted ? { kind: 'encrypted', cause } : { kind: 'bad', reason: reasonOf(cause), cause };
  }
}

/** A key as unencrypted PKCS #8. */
export const pemOfKey = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }) as string;

/** RFC 7469 section 2.4: over the SubjectPublicKeyInfo, so that a renewal with the same key keeps it. */
export function pinOfKey(publicKey: KeyObject): string {
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  return `sha256/${createHash('sha256').update(spki).digest('base64')}`;
}

/** What stands before an encrypted key (RFC 7468 section 2 lets text stand there): whose it is, for who cannot open it. */
const pinLine = /^Public-Key: (sha256\/\S+)$/m;

/** A private key as encrypted PKCS #8. */
export function encryptedKey(keyPem: string, passphrase: string): string {
  const key = createPrivateKey(keyPem);
  const text = key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase });
  return `Public-Key: ${pinOfKey(createPublicKey(key))}\n${text}`;
}

/** Whether the key of a file is that of `certificate`; undefined where it is encrypted and does not say. */
export function isKeyOf(
  text: string,
  content: KeyContent,
  certificate: X509Certificate,
): boolean | undefined {
  if (content.kind === 'key') return certificate.checkPrivateKey(content.key);
  if (content.kind === 'bad') return false;
  const pin = pinLine.exec(text)?.[1];
  return pin === undefined ? undefined : pin === pinOfKey(certificate.publicKey);
}

/** The form in which serial numbers are compared: tools differ in case, colons, prefix and leading zeros. */
export function normalSerial(text: string): string {
  return text
    .replace(/^0x/i, '')
    .replaceAll(':', '')
    .toUpperCase()
    .replace(/^0+(?=.)/, '');
}

/** The one of `authorities` that issued `certificate`. */
export function issuerIn(
  authorities: readonly X509Certificate[],
  certificate: X509Certificate,
): X509Certificate | undefined {
  return authorities.find((ca) => hasIssued(ca, certificate));
}

/**
 * `CN=a, O=b` from the several lines in which Node gives a distinguished name. It gives undefined for an empty one, which
 * its types do not say: names may be in the extension alone (RFC 5280 section 4.2.1.6).
 */
export function oneLineName(name: string | undefined): string {
  return name?.trim().split('\n').join(', ') || 'without a subject';
}

export const isSame = (a: X509Certificate, b: X509Certificate): boolean => a.raw.equals(b.raw);

/** Whether `certificate` is among `bundle`. */
export function bundleHas(
  bundle: readonly X509Certificate[],
  certificate: X509Certificate | undefined,
): boolean {
  return certificate !== undefined && bundle.some((one) => isSame(one, certificate));
}

/** How two bundles compare, whatever the order of their certificates. */
export function compareBundles(
  a: readonly X509Certificate[],
  b: readonly X509Certificate[],
): 'same' | 'overlapping' | 'different' {
  if (!a.some((one) => bundleHas(b, one))) return 'different';
  return a.every((one) => bundleHas(b, one)) && b.every((one) => bundleHas(a, one)) ? 'same' : 'overlapping';
}
