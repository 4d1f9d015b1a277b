// Its classes are decorated: without the metadata shim the import itself throws.
import 'reflect-metadata';
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  randomBytes,
  webcrypto,
  X509Certificate,
} from 'node:crypto';
import { promisify } from 'node:util';
import * as x509 from '@peculiar/x509';
import { KeyTypeInvalid } from '../errors.js';
import { distinctSans, ipSan, type San } from './names.js';
import { pemOfKey } from './pem.js';
import { type Validity, wholeSecond } from './validity.js';

const generate = promisify(generateKeyPair);

/** The generator runs in libuv's pool: several keys at once use several cores. */
const generators = {
  'rsa-4096': () => generate('rsa', { modulusLength: 4096 }),
  'ec-p256': () => generate('ec', { namedCurve: 'prime256v1' }),
  'ec-p384': () => generate('ec', { namedCurve: 'secp384r1' }),
  ed25519: () => generate('ed25519'),
} satisfies Record<string, () => Promise<{ privateKey: KeyObject }>>;

/** A kind of private key that certificates can be made with. */
export type KeyType = keyof typeof generators;

/**
 * The kinds of key, the default first. `ed25519` needs a peer that speaks it: OpenSSL, Node and Python do,
 * browsers and some TLS appliances do not.
 *
 * @example
 * ```ts
 * import { keyTypes } from 'sallyport/pki';
 *
 * export const fastest: boolean = keyTypes.includes('ec-p256');
 * ```
 */
export const keyTypes = Object.keys(generators) as readonly KeyType[];

/**
 * A kind of key by its name, without regard to case.
 *
 * @throws SALLY_CERT_KEY_TYPE for anything but one of `keyTypes`.
 * @example
 * ```ts
 * import { type KeyType, parseKeyType } from 'sallyport/pki';
 *
 * export const type: KeyType = parseKeyType('ec-p256');
 * ```
 */
export function parseKeyType(text: string): KeyType {
  const type = keyTypes.find((known) => known === text.trim().toLowerCase());
  if (type === undefined) throw KeyTypeInvalid({ value: text, allowed: keyTypes });
  return type;
}

/** The kind of a key; of one that is not made here, the nearest that is no weaker. */
export function keyTypeOf(key: KeyObject): KeyType {
  if (key.asymmetricKeyType === 'ed25519') return 'ed25519';
  if (key.asymmetricKeyType !== 'ec') return 'rsa-4096';
  return key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? 'ec-p256' : 'ec-p384';
}

/** A new private key as PKCS #8 PEM. */
export const generateKeyPem = async (type: KeyType): Promise<string> =>
  pemOfKey((await generators[type]()).privateKey);

/** Signature algorithms for a CA's key, by what Node calls its type or curve. */
const signatures: Record<string, { name: string; namedCurve?: string; hash?: string }> = {
  rsa: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  prime256v1: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  secp384r1: { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
  secp521r1: { name: 'ECDSA', namedCurve: 'P-521', hash: 'SHA-512' },
  ed25519: { name: 'Ed25519' },
};

const signatureOf = (key: KeyObject) =>
  signatures[key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType ?? ''];

/** Why certificates signed with `key` would not be accepted, if so. OpenSSL refuses short RSA keys. */
export function signingDefect(key: KeyObject): string | undefined {
  if (signatureOf(key) === undefined)
    return `has a key of a kind that cannot sign here (${key.asymmetricKeyType})`;
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 2048;
  return bits < 2048 ? `has an RSA key of ${bits} bits, fewer than 2048` : undefined;
}

/** `keyPem` as a WebCrypto key, and the algorithm that it signs certificates with. */
export async function signingKey(keyPem: string) {
  const key = createPrivateKey(keyPem);
  const algorithm = signatureOf(key) ?? { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  const der = key.export({ type: 'pkcs8', format: 'der' });
  return { algorithm, key: await webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']) };
}

/** A certificate and its private key (PKCS #8), both PEM. */
export interface Issued {
  readonly certPem: string;
  readonly keyPem: string;
}

/** The parts of a distinguished name that the certificates here have. */
export interface Subject {
  readonly CN: string;
  readonly O?: string;
  readonly OU?: string;
}

/** What a leaf may be used for. Which of the two it has is what keeps a plugin from acting as the gateway. */
export type Purpose = 'clientAuth' | 'serverAuth';

interface KeyChoice {
  /** Kind of the new key. Default `ec-p256`. */
  readonly keyType?: KeyType;
  /** An existing key, unencrypted PEM, in place of a new one. */
  readonly keyPem?: string;
}

export interface CaRequest extends Validity, KeyChoice {
  /** Default `CN=Sallyport MCP CA, O=Sallyport`. */
  readonly subject?: Subject;
  /** How many CAs may stand below this one. Default 0. */
  readonly pathLength?: number;
}

export interface LeafRequest extends Validity, KeyChoice {
  readonly ca: Issued;
  readonly subject: Subject;
  readonly sans: readonly San[];
  /** Extended key usage. An empty list leaves the extension out, which makes the certificate fit for any role. */
  readonly purposes: readonly Purpose[];
}

/**
 * A self-signed CA certificate, in memory.
 *
 * @example
 * ```ts
 * import { createCa, validityOf } from 'sallyport/pki';
 *
 * const { certPem, keyPem } = await createCa(validityOf({ now: new Date(), days: 1 }));
 * console.log(certPem, keyPem.length);
 * ```
 */
export async function createCa(request: CaRequest): Promise<Issued> {
  const keyPem = request.keyPem ?? (await generateKeyPem(request.keyType ?? 'ec-p256'));
  const name = nameOf(request.subject ?? { CN: 'Sallyport MCP CA', O: 'Sallyport' });
  const { KeyUsageFlags: flags } = x509;
  const publicKey = createPublicKey(keyPem);
  const signed = { publicKey, validity: request, subject: name, issuer: name, signerPem: keyPem };
  const certPem = await sign(signed, async (spki) => [
    new x509.BasicConstraintsExtension(true, request.pathLength ?? 0, true),
    new x509.KeyUsagesExtension(flags.keyCertSign | flags.cRLSign, true),
    await x509.SubjectKeyIdentifierExtension.create(spki),
  ]);
  return { certPem, keyPem };
}

/**
 * A certificate of `ca`, in memory. What is asked for is what is made: no date or name is checked, so that
 * tests can have expired and otherwise odd certificates.
 *
 * @example
 * ```ts
 * import { createCa, issueLeaf, parseSans, validityOf } from 'sallyport/pki';
 *
 * const validity = validityOf({ now: new Date(), days: 1 });
 * const server = await issueLeaf({
 *   ...validity,
 *   ca: await createCa(validity),
 *   subject: { CN: 'test-server' },
 *   sans: parseSans('DNS:localhost,IP:127.0.0.1'),
 *   purposes: ['serverAuth'],
 * });
 * console.log(server.certPem);
 * ```
 */
export async function issueLeaf(request: LeafRequest): Promise<Issued> {
  const keyPem = request.keyPem ?? (await generateKeyPem(request.keyType ?? 'ec-p256'));
  return { certPem: await certify(createPublicKey(keyPem), request), keyPem };
}

/** As `issueLeaf`, for a key of which only the public half is here. */
export function certify(publicKey: KeyObject, request: Omit<LeafRequest, keyof KeyChoice>): Promise<string> {
  return signLeaf(publicKey, request.ca, request, nameOf(request.subject), useOf(request));
}

function useOf({ purposes, sans }: Pick<LeafRequest, 'purposes' | 'sans'>): x509.Extension[] {
  const usages = purposes.map((purpose) => x509.ExtendedKeyUsage[purpose]);
  const names = distinctSans(sans).map(
    ({ type, value }): x509.JsonGeneralName => ({ type: type === 'uri' ? 'url' : type, value }),
  );
  return [
    ...(usages.length > 0 ? [new x509.ExtendedKeyUsageExtension(usages)] : []),
    ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
  ];
}

/**
 * A certificate of `ca` that says what `like` says of its holder: subject, purposes and every alternative name. Where it has no
 * purposes or names, as X.509 v1 has none, it gets those of `request`.
 */
export function certifyLike(
  like: X509Certificate,
  publicKey: KeyObject,
  request: Validity & Pick<LeafRequest, 'ca' | 'purposes' | 'sans'>,
): Promise<string> {
  const old = read(like);
  const fresh = useOf(request);
  const kept = [x509.ExtendedKeyUsageExtension, x509.SubjectAlternativeNameExtension].flatMap(
    (kind) => old.getExtension<x509.Extension>(kind) ?? fresh.filter((one) => one instanceof kind),
  );
  return signLeaf(publicKey, request.ca, request, old.subjectName, kept);
}

function signLeaf(
  publicKey: KeyObject,
  ca: Issued,
  validity: Validity,
  subject: x509.Name,
  more: readonly x509.Extension[],
): Promise<string> {
  const issuer = read(new X509Certificate(ca.certPem));
  const { digitalSignature, keyEncipherment } = x509.KeyUsageFlags;
  const signed = { publicKey, validity, subject, issuer: issuer.subjectName, signerPem: ca.keyPem };
  return sign(signed, async (spki, isRsa) => [
    new x509.BasicConstraintsExtension(false, undefined, true),
    // RFC 8446 has no use for key encipherment; TLS 1.2's RSA key exchange is the only one, and RSA's alone.
    new x509.KeyUsagesExtension(isRsa ? digitalSignature | keyEncipherment : digitalSignature, true),
    await x509.SubjectKeyIdentifierExtension.create(spki),
    await authorityKeyIdentifier(issuer),
    ...more,
  ]);
}

/** The CA's own identifier, whatever it was derived from (RFC 5280 4.2.1.1): another tool may have made it. */
export async function authorityKeyIdentifier(ca: x509.X509Certificate): Promise<x509.Extension> {
  const own = ca.getExtension(x509.SubjectKeyIdentifierExtension);
  if (own) return new x509.AuthorityKeyIdentifierExtension(own.keyId);
  return x509.AuthorityKeyIdentifierExtension.create(ca.publicKey, false, webcrypto);
}

interface ToSign {
  readonly publicKey: KeyObject;
  readonly validity: Validity;
  readonly subject: x509.Name;
  readonly issuer: x509.Name;
  readonly signerPem: string;
}

async function sign(
  what: ToSign,
  extensions: (publicKey: x509.PublicKey, isRsa: boolean) => Promise<x509.Extension[]>,
): Promise<string> {
  const publicKey = new x509.PublicKey(what.publicKey.export({ type: 'spki', format: 'der' }));
  const signer = await signingKey(what.signerPem);
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: serialNumber(),
      subject: what.subject,
      issuer: what.issuer,
      notBefore: wholeSecond(what.validity.notBefore),
      notAfter: wholeSecond(what.validity.notAfter),
      publicKey,
      signingKey: signer.key,
      signingAlgorithm: signer.algorithm,
      extensions: await extensions(publicKey, what.publicKey.asymmetricKeyType === 'rsa'),
    },
    webcrypto,
  );
  return `${certificate.toString('pem').trimEnd()}\n`;
}

/** 128 bits, positive: with the leading zero octet where the first bit is set, still within 20 octets (RFC 5280 4.1.2.2). */
function serialNumber(): string {
  return `00${randomBytes(16).toString('hex')}`;
}

function nameOf(subject: Subject): x509.Name {
  return new x509.Name(Object.entries(subject).map(([type, value]) => ({ [type]: [String(value)] })));
}

/** A certificate as the library has it that makes others. */
export function read(certificate: X509Certificate): x509.X509Certificate {
  return new x509.X509Certificate(certificate.raw);
}

/** The subject alternative names of a certificate, those of the kinds that are issued here. */
export function sansOf(certificate: X509Certificate): readonly San[] {
  return sansOfExtension(read(certificate).getExtension(x509.SubjectAlternativeNameExtension));
}

export function sansOfExtension(
  extension: x509.SubjectAlternativeNameExtension | null | undefined,
): readonly San[] {
  return (extension?.names.items ?? []).flatMap(({ type, value }): San[] => {
    if (type === 'dns') return [{ type, value }];
    if (type === 'ip') return [ipSan(value)];
    return type === 'url' ? [{ type: 'uri', value }] : [];
  });
}

/** Whether the CA may sign revocation lists (RFC 5280 4.2.1.3): without a keyUsage it may do all. */
export function mayListRevoked(certificate: X509Certificate): boolean {
  const usage = read(certificate).getExtension(x509.KeyUsagesExtension);
  return !usage || (usage.usages & x509.KeyUsageFlags.cRLSign) !== 0;
}

/**
 * What strict verifiers miss in a CA certificate, if anything: `openssl verify -x509_strict` and Python 3.13 ask for
 * it (RFC 5280 4.2.1), others do without. CAs of other tools are made like this.
 */
export function caStrictnessGap(certificate: X509Certificate): string | undefined {
  const ca = read(certificate);
  if (ca.getExtension(x509.BasicConstraintsExtension)?.critical !== true)
    return 'basicConstraints that are critical';
  if (!ca.getExtension(x509.KeyUsagesExtension)) return 'keyUsage';
  if (!ca.getExtension(x509.SubjectKeyIdentifierExtension)) return 'subjectKeyIdentifier';
  return undefined;
}

/** Why leaves of this CA would not verify, if so, as far as its extensions say. */
export function caExtensionsDefect(certificate: X509Certificate): string | undefined {
  const ca = read(certificate);
  const constraints = ca.getExtension(x509.BasicConstraintsExtension);
  const usage = ca.getExtension(x509.KeyUsagesExtension);
  const purposes = ca.getExtension(x509.ExtendedKeyUsageExtension)?.usages.map(String);
  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
  const anyPurpose = '2.5.29.37.0';
  if (constraints?.ca !== true) return 'is not a CA certificate (basicConstraints without CA:TRUE)';
  if (usage && (usage.usages & x509.KeyUsageFlags.keyCertSign) === 0)
    return 'has a keyUsage that does not allow signing certificates';
  if (
    purposes &&
    !purposes.includes(anyPurpose) &&
    !(purposes.includes(serverAuth) && purposes.includes(clientAuth))
  ) {
    return 'has an extendedKeyUsage that does not allow both TLS servers and TLS clients';
  }
  if (ca.getExtension('2.5.29.30')) return 'has name constraints, which are not evaluated here';
  return undefined;
}
