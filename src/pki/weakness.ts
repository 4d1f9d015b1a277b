import type { KeyObject, X509Certificate } from 'node:crypto';
import { type CertificateParts, type Der, derValues, oidText, partsOf } from './der.js';

/** Where a certificate stands in a chain. */
export interface ChainPlace {
  /** The holder's own: it signs nobody. */
  readonly leaf: boolean;
  /** Self-signed, and trusted because it is there: its own signature and serial number vouch for nothing. */
  readonly root: boolean;
}

/** Signatures over hashes for which collisions can be made (RFC 6151, RFC 9155). */
const brokenHashes: Record<string, string> = {
  '1.2.840.113549.1.1.2': 'MD2',
  '1.2.840.113549.1.1.3': 'MD4',
  '1.2.840.113549.1.1.4': 'MD5',
  '1.2.840.113549.1.1.5': 'SHA-1',
  '1.3.14.3.2.3': 'MD5',
  '1.3.14.3.2.13': 'SHA',
  '1.3.14.3.2.15': 'SHA',
  '1.3.14.3.2.27': 'SHA-1',
  '1.3.14.3.2.29': 'SHA-1',
  '1.2.840.10040.4.3': 'SHA-1',
  '1.2.840.10045.4.1': 'SHA-1',
  '0.4.0.127.0.7.1.1.4.1.1': 'SHA-1',
};

const pss = '1.2.840.113549.1.1.10';
/** The hashes that the parameters of RSASSA-PSS may name, where they are broken. */
const pssHashes: Record<string, string> = {
  '1.2.840.113549.2.5': 'MD5',
  '1.3.14.3.2.26': 'SHA-1',
};

const smallest = { rsa: 2048, ec: 224 } as const;

/**
 * Why nobody should rely on a certificate, if so: a short key, a signature over a broken hash, a leaf that could sign
 * others, an encoding that RFC 5280 forbids and that two verifiers may read in two ways. As a sentence goes on after its
 * name: `has an RSA key of 1024 bits, …`.
 */
export function weaknessOf(certificate: X509Certificate, { leaf, root }: ChainPlace): string | undefined {
  const parts = partsOf(certificate);
  if (parts === undefined) return notDer;
  return (
    repeatedExtension(parts) ??
    ownKeyWeakness(certificate) ??
    (root ? undefined : (hashWeakness(parts.signature) ?? serialWeakness(parts.serial))) ??
    (leaf && parts.claimsCa ? 'is a CA itself (basicConstraints CA:TRUE)' : undefined)
  );
}

const notDer = 'is not encoded in DER';

/**
 * Why OpenSSL cannot read the extensions of a certificate, if so: it then finds no issuer for it, whoever has signed it.
 */
export function encodingDefectOf(certificate: X509Certificate): string | undefined {
  const parts = partsOf(certificate);
  return parts === undefined ? notDer : repeatedExtension(parts);
}

function ownKeyWeakness(certificate: X509Certificate): string | undefined {
  let key: KeyObject;
  try {
    key = certificate.publicKey;
  } catch {
    return 'has a key of a kind that is not known here';
  }
  return keyWeakness(key);
}

/** RSA 2048 and 224 bits of a curve are the 112 bits of security that SP 800-57 asks for. */
export function keyWeakness(key: KeyObject): string | undefined {
  const { asymmetricKeyType: type = 'unknown', asymmetricKeyDetails: details = {} } = key;
  const bits = details.modulusLength;
  if (bits !== undefined && bits < smallest.rsa)
    return `has ${type === 'dsa' ? 'a DSA' : 'an RSA'} key of ${bits} bits, fewer than ${smallest.rsa}`;
  if (type !== 'ec') return undefined;
  const size = curveBits(key);
  return size < smallest.ec ? `has a key on a curve of ${size} bits, fewer than ${smallest.ec}` : undefined;
}

/** The size of the field, from a point of SubjectPublicKeyInfo: Node has names for curves alone (SEC 1 section 2.3.3). */
function curveBits(key: KeyObject): number {
  const [outer] = derValues(key.export({ type: 'spki', format: 'der' })) ?? [];
  const [, bitString] = (outer && derValues(outer.content)) ?? [];
  const point = bitString?.content.subarray(1);
  if (!point || point.length === 0) return 0;
  const octets = point[0] === 0x04 ? (point.length - 1) / 2 : point.length - 1;
  // P-521 has 66 octets; 521 of their bits count, which makes no difference here.
  return octets * 8;
}

function hashWeakness({ oid, parameters }: CertificateParts['signature']): string | undefined {
  const hash = oid === pss ? pssHashes[pssHash(parameters)] : brokenHashes[oid];
  return hash === undefined ? undefined : `is signed over ${hash}, for which collisions can be made`;
}

/** RFC 4055 section 3.1: `[0]` is the hash, which is SHA-1 where it is left out. */
function pssHash(parameters: Der | undefined): string {
  const fields = parameters === undefined ? [] : (derValues(parameters.content) ?? []);
  const named = fields.find(({ tag }) => tag === 0xa0);
  const [algorithm] = (named && derValues(named.content)) ?? [];
  const [oid] = (algorithm && derValues(algorithm.content)) ?? [];
  return oid ? oidText(oid.content) : '1.3.14.3.2.26';
}

/** RFC 5280 section 4.1.2.2: a positive integer. Revocation lists name certificates by it. */
function serialWeakness(serial: Buffer): string | undefined {
  if (serial.every((octet) => octet === 0)) return 'has the serial number 0';
  return ((serial[0] ?? 0) & 0x80) === 0 ? undefined : 'has a negative serial number';
}

/** RFC 5280 section 4.2: one of each. Verifiers differ in which of two they read. */
function repeatedExtension({ extensions }: CertificateParts): string | undefined {
  const repeated = extensions.find((oid, i) => extensions.indexOf(oid) !== i);
  return repeated === undefined
    ? undefined
    : `has the extension ${extensionNames[repeated] ?? repeated} twice`;
}

const extensionNames: Record<string, string> = {
  '2.5.29.14': 'subjectKeyIdentifier',
  '2.5.29.15': 'keyUsage',
  '2.5.29.17': 'subjectAltName',
  '2.5.29.19': 'basicConstraints',
  '2.5.29.35': 'authorityKeyIdentifier',
  '2.5.29.37': 'extendedKeyUsage',
};
