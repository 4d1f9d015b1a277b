// Its classes are decorated: without the metadata shim the import itself throws.
import 'reflect-metadata';
import { createPublicKey, type KeyObject, randomBytes, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { read } from './inspect.js';
import { generateKeyPem, type KeyType, signingKey } from './keys.js';
import { distinctSans, type San } from './sans.js';
import { type Validity, wholeSecond } from './validity.js';

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
  const { ca, subject, sans, purposes } = request;
  return signLeaf(publicKey, ca, request, nameOf(subject), [
    ...(purposes.length > 0
      ? [new x509.ExtendedKeyUsageExtension(purposes.map((purpose) => x509.ExtendedKeyUsage[purpose]))]
      : []),
    ...(sans.length > 0
      ? [new x509.SubjectAlternativeNameExtension(distinctSans(sans).map(generalName))]
      : []),
  ]);
}

/** A certificate of `ca` that says what `like` says of its holder: subject, purposes and every alternative name. */
export function certifyLike(
  like: string,
  publicKey: KeyObject,
  request: Validity & { readonly ca: Issued },
): Promise<string> {
  const old = read(like);
  const kept = [x509.ExtendedKeyUsageExtension, x509.SubjectAlternativeNameExtension].flatMap(
    (kind) => old.getExtension<x509.Extension>(kind) ?? [],
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
  const issuer = read(ca.certPem);
  const signed = { publicKey, validity, subject, issuer: issuer.subjectName, signerPem: ca.keyPem };
  return sign(signed, async (spki, isRsa) => [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(leafUsages(isRsa), true),
    await x509.SubjectKeyIdentifierExtension.create(spki),
    await authorityKeyIdentifier(issuer),
    ...more,
  ]);
}

/** RFC 8446 has no use for key encipherment; TLS 1.2's RSA key exchange is the only one, and RSA's alone. */
function leafUsages(isRsa: boolean): number {
  const { digitalSignature, keyEncipherment } = x509.KeyUsageFlags;
  return isRsa ? digitalSignature | keyEncipherment : digitalSignature;
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

function generalName(san: San): x509.JsonGeneralName {
  return { type: san.type === 'uri' ? 'url' : san.type, value: san.value };
}
