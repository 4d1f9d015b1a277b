import { constants, type KeyObject, verify, type X509Certificate } from 'node:crypto';

/** A DER value (X.690 section 8.1): what it is, its content, and both together. */
export interface Der {
  readonly tag: number;
  readonly content: Buffer;
  readonly whole: Buffer;
}

/** The values of a content, one behind the other; undefined where they are not whole. */
export function derValues(content: Buffer): readonly Der[] | undefined {
  const values: Der[] = [];
  for (let at = 0; at < content.length; ) {
    const value = derValueAt(content, at);
    if (value === undefined) return undefined;
    values.push(value);
    at += value.whole.length;
  }
  return values;
}

/** Tags of more than one octet and lengths of more than four do not occur in a certificate. */
function derValueAt(der: Buffer, at: number): Der | undefined {
  const tag = der[at];
  const first = der[at + 1];
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return undefined;
  const octets = first < 0x80 ? 0 : first & 0x7f;
  if (first === 0x80 || octets > 4 || at + 2 + octets > der.length) return undefined;
  const length = octets === 0 ? first : der.readUIntBE(at + 2, octets);
  const begin = at + 2 + octets;
  if (begin + length > der.length) return undefined;
  return { tag, content: der.subarray(begin, begin + length), whole: der.subarray(at, begin + length) };
}

/** The values in a value; none where there is none, or they are not whole. */
const within = (value: Der | undefined): readonly Der[] => (value && derValues(value.content)) ?? [];

/** Content, algorithm and signature of what is signed: a certificate, a list of the revoked (RFC 5280 sections 4.1.1, 5.1.1). */
function signedParts(signed: Buffer) {
  const [outer] = derValues(signed) ?? [];
  const [content, algorithm, signature] = within(outer);
  const [oid, parameters] = within(algorithm);
  return { content, signature, oid: oid && oidText(oid.content), parameters };
}

/** An object identifier in dotted form (X.690 section 8.19). */
export function oidText(content: Buffer): string {
  const parts: number[] = [];
  let value = 0;
  for (const octet of content) {
    value = value * 128 + (octet & 0x7f);
    if (octet & 0x80) continue;
    // The first octets stand for two parts: 40 times the first, which is 2 at most, and the second.
    const head = Math.min(Math.floor(value / 40), 2);
    parts.push(...(parts.length === 0 ? [head, value - head * 40] : [value]));
    value = 0;
  }
  return parts.join('.');
}

/** What Node does not tell of a certificate (RFC 5280 section 4.1). */
export interface CertificateParts {
  /** X.509 v1 has no extensions: it cannot say what it is for. */
  readonly version1: boolean;
  /** The content of the INTEGER. */
  readonly serial: Buffer;
  /** The AlgorithmIdentifier of the signature: its object identifier, and its parameters where it has some. */
  readonly signature: { readonly oid: string; readonly parameters: Der | undefined };
  /** The object identifier of each extension. */
  readonly extensions: readonly string[];
  /** Whether basicConstraints say CA:TRUE. To Node only who may sign by keyUsage too is a CA. */
  readonly claimsCa: boolean;
}

const tags = { boolean: 0x01, integer: 0x02, version: 0xa0, extensions: 0xa3 } as const;

/** Certificates are asked for several of their parts, and never change. */
const known = new WeakMap<X509Certificate, { readonly parts: CertificateParts | undefined }>();

/** Undefined where the encoding is not DER. */
export function partsOf(certificate: X509Certificate): CertificateParts | undefined {
  const found = known.get(certificate) ?? { parts: readParts(certificate) };
  known.set(certificate, found);
  return found.parts;
}

function readParts({ raw }: X509Certificate): CertificateParts | undefined {
  const { content, oid, parameters } = signedParts(raw);
  const fields = within(content);
  const version1 = fields[0]?.tag !== tags.version;
  const serial = fields[version1 ? 0 : 1];
  if (oid === undefined || serial?.tag !== tags.integer) return undefined;
  const [sequence] = within(fields.find(({ tag }) => tag === tags.extensions));
  const extensions = within(sequence).map((extension) => {
    const parts = within(extension);
    return { oid: oidText(parts[0]?.content ?? Buffer.alloc(0)), value: parts.at(-1)?.content };
  });
  return {
    version1,
    serial: serial.content,
    signature: { oid, parameters },
    extensions: extensions.map(({ oid }) => oid),
    claimsCa: extensions.some(({ oid, value }) => oid === '2.5.29.19' && saysCa(value)),
  };
}

/** `SEQUENCE { cA BOOLEAN DEFAULT FALSE, … }` (RFC 5280 section 4.2.1.9). */
function saysCa(value: Buffer | undefined): boolean {
  const [sequence] = (value && derValues(value)) ?? [];
  const [first] = within(sequence);
  return first?.tag === tags.boolean && first.content.some((octet) => octet !== 0);
}

/** Whether it has a subjectAltName, of whatever kind: Node shows none where it cannot read it. */
export function hasSan(certificate: X509Certificate): boolean {
  return partsOf(certificate)?.extensions.includes('2.5.29.17') ?? true;
}

/** Algorithms that lists of the revoked are signed with (RFC 8017, 5758, 8410), and their hash; null where it is part of them. */
const hashes: Record<string, string | null> = {
  '1.2.840.113549.1.1.5': 'sha1',
  '1.2.840.113549.1.1.14': 'sha224',
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.2.840.10045.4.1': 'sha1',
  '1.2.840.10045.4.3.1': 'sha224',
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '1.3.101.112': null,
  '1.3.101.113': null,
};

const pss = '1.2.840.113549.1.1.10';
const pssHashes: Record<string, string> = {
  '2.16.840.1.101.3.4.2.4': 'sha224',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};

/**
 * Whether `key` has signed `signed`: a sequence of content, algorithm and signature, as certificates and lists of the revoked
 * are. In one go, where WebCrypto waits for one of libuv's four threads.
 */
export function hasSigned(key: KeyObject, signed: Buffer): boolean {
  const { content, oid, parameters, signature } = signedParts(signed);
  if (content === undefined || oid === undefined || signature === undefined) return false;
  const hash = oid === pss ? pssHashes[pssHash(parameters)] : hashes[oid];
  if (hash === undefined) return false;
  const padding = oid === pss ? { padding: constants.RSA_PKCS1_PSS_PADDING } : {};
  try {
    // The first octet of a BIT STRING counts the bits that are left over.
    return verify(hash, content.whole, { key, ...padding }, signature.content.subarray(1));
  } catch {
    return false;
  }
}

/** Whether it is signed over SHA-1, for which collisions can be made. */
export const signedOverSha1 = (signed: Buffer): boolean => hashes[signedParts(signed).oid ?? ''] === 'sha1';

/** Node throws for a key of a kind that OpenSSL does not know: anybody may send one among the certificates of a chain. */
export function hasIssued(issuer: X509Certificate, certificate: X509Certificate): boolean {
  try {
    return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  } catch {
    return false;
  }
}

/** Also where its keyUsage does not let it sign certificates, as that of a server need not. */
export function isSelfSigned(certificate: X509Certificate): boolean {
  try {
    return certificate.subject === certificate.issuer && certificate.verify(certificate.publicKey);
  } catch {
    return false;
  }
}

/** Whether a certificate may sign others. X.509 v1 has no way to say so: a self-signed one may. */
export function canSign(certificate: X509Certificate): boolean {
  return certificate.ca || (partsOf(certificate)?.version1 === true && isSelfSigned(certificate));
}

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

/** The same of the hashes that the parameters of RSASSA-PSS may name. */
const brokenPssHashes: Record<string, string> = {
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
  try {
    return keyWeakness(certificate.publicKey);
  } catch {
    return 'has a key of a kind that is not known here';
  }
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
  const [, bitString] = within(outer);
  const point = bitString?.content.subarray(1);
  if (!point || point.length === 0) return 0;
  const octets = point[0] === 0x04 ? (point.length - 1) / 2 : point.length - 1;
  // P-521 has 66 octets; 521 of their bits count, which makes no difference here.
  return octets * 8;
}

function hashWeakness({ oid, parameters }: CertificateParts['signature']): string | undefined {
  const hash = oid === pss ? brokenPssHashes[pssHash(parameters)] : brokenHashes[oid];
  return hash === undefined ? undefined : `is signed over ${hash}, for which collisions can be made`;
}

/** RFC 4055 section 3.1: `[0]` is the hash, which is SHA-1 where it is left out. */
function pssHash(parameters: Der | undefined): string {
  const [algorithm] = within(within(parameters).find(({ tag }) => tag === 0xa0));
  const [oid] = within(algorithm);
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
