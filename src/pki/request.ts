// Its classes are decorated: without the metadata shim the import itself throws.
import 'reflect-metadata';
import { createPublicKey, type KeyObject, webcrypto, type X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { RequestInvalid } from '../errors.js';
import { sansOfExtension } from './certificate.js';
import type { San } from './names.js';

/** What is taken from a request: the key, and the names that it asks for. */
export interface SigningRequest {
  readonly pem: string;
  readonly publicKey: KeyObject;
  readonly commonName: string | undefined;
  readonly sans: readonly San[];
}

/**
 * A PKCS #10 request (RFC 2986), with the proof that who made it has the key.
 *
 * @throws SALLY_CERT_REQUEST
 */
export async function parseRequest(pem: string, path: string): Promise<SigningRequest> {
  const invalid = (reason: string) => RequestInvalid({ path, reason });
  let request: x509.Pkcs10CertificateRequest;
  let publicKey: KeyObject;
  let sans: readonly San[];
  try {
    request = requestIn(pem);
    publicKey = publicKeyOf(request);
    const extension = request.extensions.find(
      (found): found is x509.SubjectAlternativeNameExtension =>
        found instanceof x509.SubjectAlternativeNameExtension,
    );
    sans = sansOfExtension(extension);
  } catch {
    throw invalid('it is not a certificate request in PEM form (PKCS #10)');
  }
  const weak = weakness(publicKey);
  if (weak !== undefined) throw invalid(weak);
  if (!(await request.verify(webcrypto).catch(() => false)))
    throw invalid('its signature is not of the key in it');
  const [commonName] = request.subjectName.getField('CN');
  return { pem: `${pemOf(pem).trim()}\n`, publicKey, commonName, sans };
}

/** The public key of a stored request, or undefined where it cannot be read. */
export function requestKey(pem: string): KeyObject | undefined {
  try {
    return publicKeyOf(requestIn(pem));
  } catch {
    return undefined;
  }
}

/** Whether the certificate was made for the key of the request. */
export function isRequestFor(pem: string, certificate: X509Certificate): boolean {
  return requestKey(pem)?.equals(certificate.publicKey) === true;
}

/** `openssl req -text` writes words around the block, and Windows tools another label. */
function pemOf(text: string): string {
  const [block = ''] =
    /-----BEGIN (NEW )?CERTIFICATE REQUEST-----[\s\S]+?-----END (NEW )?CERTIFICATE REQUEST-----/.exec(text) ??
    [];
  return block.replaceAll('NEW CERTIFICATE', 'CERTIFICATE');
}

const requestIn = (pem: string) => new x509.Pkcs10CertificateRequest(pemOf(pem));

const publicKeyOf = (request: x509.Pkcs10CertificateRequest): KeyObject =>
  createPublicKey({ key: Buffer.from(request.publicKey.rawData), format: 'der', type: 'spki' });

const curves: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1']);

/** What peers would refuse at OpenSSL's security level 2 is not worth a certificate. */
function weakness(key: KeyObject): string | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === 'ed25519') return undefined;
  if (type === 'ec') {
    const curve = details?.namedCurve ?? 'unknown';
    return curves.has(curve) ? undefined : `its key is on the curve ${curve}; P-256, P-384 or P-521 will do`;
  }
  if (type !== 'rsa') return `its key is of the kind ${type}; RSA, EC or Ed25519 will do`;
  const bits = details?.modulusLength ?? 0;
  if ((details?.publicExponent ?? 0n) < 65_537n) return 'its RSA key has a public exponent below 65537';
  return bits < 2048 ? `its RSA key has ${bits} bits, fewer than 2048` : undefined;
}
