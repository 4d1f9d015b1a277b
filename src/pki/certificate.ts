// Its classes are decorated: without the metadata shim the import itself throws.
import 'reflect-metadata';
import { createPublicKey, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { generateKeyPem, type KeyType, signingKey } from './keys.js';
import { distinctSans, ipSan, type San } from './sans.js';
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
  const subject = request.subject ?? { CN: 'Sallyport MCP CA', O: 'Sallyport' };
  const { KeyUsageFlags: flags } = x509;
  return sign({ keyPem, request, subject, issuer: nameOf(subject), signerPem: keyPem }, async (publicKey) => [
    new x509.BasicConstraintsExtension(true, request.pathLength ?? 0, true),
    new x509.KeyUsagesExtension(flags.keyCertSign | flags.cRLSign, true),
    await x509.SubjectKeyIdentifierExtension.create(publicKey),
  ]);
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
  const ca = read(request.ca.certPem);
  const { subject } = request;
  const signerPem = request.ca.keyPem;
  return sign({ keyPem, request, subject, issuer: ca.subjectName, signerPem }, async (publicKey, isRsa) => [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(leafUsages(isRsa), true),
    ...(request.purposes.length > 0
      ? [
          new x509.ExtendedKeyUsageExtension(
            request.purposes.map((purpose) => x509.ExtendedKeyUsage[purpose]),
          ),
        ]
      : []),
    await x509.SubjectKeyIdentifierExtension.create(publicKey),
    await authorityKeyIdentifier(ca),
    ...(request.sans.length > 0
      ? [new x509.SubjectAlternativeNameExtension(distinctSans(request.sans).map(generalName))]
      : []),
  ]);
}

/** RFC 8446 has no use for key encipherment; TLS 1.2's RSA key exchange is the only one, and RSA's alone. */
function leafUsages(isRsa: boolean): number {
  const { digitalSignature, keyEncipherment } = x509.KeyUsageFlags;
  return isRsa ? digitalSignature | keyEncipherment : digitalSignature;
}

/** The CA's own identifier, whatever it was derived from (RFC 5280 4.2.1.1): another tool may have made it. */
async function authorityKeyIdentifier(ca: x509.X509Certificate): Promise<x509.Extension> {
  const own = ca.getExtension(x509.SubjectKeyIdentifierExtension);
  if (own) return new x509.AuthorityKeyIdentifierExtension(own.keyId);
  return x509.AuthorityKeyIdentifierExtension.create(ca.publicKey, false, webcrypto);
}

interface ToSign {
  readonly keyPem: string;
  readonly request: Validity;
  readonly subject: Subject;
  readonly issuer: x509.Name;
  readonly signerPem: string;
}

async function sign(
  what: ToSign,
  extensions: (publicKey: x509.PublicKey, isRsa: boolean) => Promise<x509.Extension[]>,
): Promise<Issued> {
  const key = createPublicKey(what.keyPem);
  const publicKey = new x509.PublicKey(key.export({ type: 'spki', format: 'der' }));
  const signer = await signingKey(what.signerPem);
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: serialNumber(),
      subject: nameOf(what.subject),
      issuer: what.issuer,
      notBefore: wholeSecond(what.request.notBefore),
      notAfter: wholeSecond(what.request.notAfter),
      publicKey,
      signingKey: signer.key,
      signingAlgorithm: signer.algorithm,
      extensions: await extensions(publicKey, key.asymmetricKeyType === 'rsa'),
    },
    webcrypto,
  );
  return { certPem: `${certificate.toString('pem').trimEnd()}\n`, keyPem: what.keyPem };
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

/** Node's reader takes what OpenSSL takes: text before the first block, more certificates after it. */
function read(certPem: string): x509.X509Certificate {
  return new x509.X509Certificate(new X509Certificate(certPem).raw);
}

/** The subject alternative names of a certificate, those of the kinds that are issued here. */
export function sansOf(certPem: string): readonly San[] {
  const extension = read(certPem).getExtension(x509.SubjectAlternativeNameExtension);
  return (extension?.names.items ?? []).flatMap(({ type, value }): San[] => {
    if (type === 'dns') return [{ type, value }];
    if (type === 'ip') return [ipSan(value)];
    return type === 'url' ? [{ type: 'uri', value }] : [];
  });
}

/**
 * What strict verifiers miss in a CA certificate, if anything: `openssl verify -x509_strict` and Python 3.13 ask for
 * it (RFC 5280 4.2.1), others do without. CAs of other tools are made like this.
 */
export function caStrictnessGap(certPem: string): string | undefined {
  const ca = read(certPem);
  if (ca.getExtension(x509.BasicConstraintsExtension)?.critical !== true)
    return 'basicConstraints that are critical';
  if (!ca.getExtension(x509.KeyUsagesExtension)) return 'keyUsage';
  if (!ca.getExtension(x509.SubjectKeyIdentifierExtension)) return 'subjectKeyIdentifier';
  return undefined;
}

/** Why leaves of this CA would not verify, if so, as far as its extensions say. */
export function caExtensionsDefect(certPem: string): string | undefined {
  const ca = read(certPem);
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
