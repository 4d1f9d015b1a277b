import type { X509Certificate } from 'node:crypto';
import { CrlExpired, CrlForeign, CrlMissing, CrlNotYetValid, messageOf, NotPem } from '../errors.js';
import { hasSigned, signedOverSha1 } from '../pki/der.js';
import { oneLineName } from './peer.js';
import { blocksOf } from './pem.js';

/** A certificate revocation list (RFC 5280 section 5) that is in date, and signed by a CA that is trusted. */
export interface Crl {
  readonly pem: string;
  readonly issuer: X509Certificate;
  /** When the next one was to come: from then on it says nothing any more. */
  readonly nextUpdate: Date;
  /** Signed over a hash for which collisions can be made. */
  readonly weak: boolean;
  /** Serial numbers, as `serial` has them. */
  readonly revoked: ReadonlySet<string>;
}

interface Wanted {
  readonly path: string;
  readonly caBundle: string;
  /** The CAs that are trusted and in date: each needs a list. */
  readonly authorities: readonly X509Certificate[];
  /** CAs below them, which may have one. */
  readonly intermediates: readonly X509Certificate[];
  readonly now: Date;
}

/**
 * Reads the lists of a file: PEM, any number of them one behind the other. Fails closed: each has to be signed by a CA
 * of the bundle and in date, and each CA of the bundle that is in date needs one.
 *
 * @throws SALLY_CRL_FOREIGN, SALLY_CRL_EXPIRED, SALLY_CRL_NOT_YET_VALID, SALLY_CRL_MISSING, SALLY_TLS_NOT_PEM
 */
export async function loadCrls(text: string, wanted: Wanted): Promise<readonly Crl[]> {
  const { path, caBundle, authorities, now } = wanted;
  const crls: Crl[] = [];
  for (const pem of blocksOf(text, /X509 CRL/, path, 'a revocation list')) {
    const crl = await loadOne(pem, wanted);
    const issuer = oneLineName(crl.issuer.subject);
    if (crl.nextUpdate < now) {
      throw CrlExpired({ path, issuer, nextUpdate: crl.nextUpdate });
    }
    crls.push(crl);
  }
  for (const authority of authorities) {
    if (!crls.some(({ issuer }) => issuer.raw.equals(authority.raw))) {
      throw CrlMissing({ path, subject: oneLineName(authority.subject), caBundle });
    }
  }
  return crls;
}

async function loadOne(
  pem: string,
  { path, caBundle, authorities, intermediates, now }: Wanted,
): Promise<Crl> {
  // Loaded only where there is a list: its classes are decorated, and need the shim before them.
  await import('reflect-metadata');
  const { X509Crl } = await import('@peculiar/x509');
  let crl: InstanceType<typeof X509Crl>;
  try {
    crl = new X509Crl(pem);
  } catch (error) {
    throw NotPem({ path, what: 'a revocation list', reason: messageOf(error) }, error);
  }
  for (const issuer of [...authorities, ...intermediates]) {
    if (!hasSigned(issuer.publicKey, Buffer.from(crl.rawData))) continue;
    const { thisUpdate } = crl;
    // OpenSSL takes one without for ever; RFC 5280 section 5.1.2.5 requires it, so such a one is as good as over.
    const nextUpdate = crl.nextUpdate ?? thisUpdate;
    if (thisUpdate > now)
      throw CrlNotYetValid({ path, issuer: oneLineName(issuer.subject), thisUpdate, now });
    return {
      pem,
      issuer,
      nextUpdate,
      weak: signedOverSha1(Buffer.from(crl.rawData)),
      revoked: new Set(crl.entries.map((entry) => serial(entry.serialNumber))),
    };
  }
  throw CrlForeign({ path, issuer: crl.issuer, caBundle });
}

/** Whether one of `crls` names `certificate`, which its issuer has signed. */
export function isRevoked(certificate: X509Certificate, crls: readonly Crl[]): boolean {
  return crls.some(
    ({ issuer, revoked }) =>
      revoked.has(serial(certificate.serialNumber)) &&
      certificate.checkIssued(issuer) &&
      certificate.verify(issuer.publicKey),
  );
}

/** Libraries differ in leading zeros and in case. */
function serial(hex: string): string {
  return hex.toLowerCase().replace(/^0+(?=.)/, '');
}
