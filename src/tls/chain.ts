import type { X509Certificate } from 'node:crypto';

/** How a certificate's chain ends: at a CA of the bundle, or where something is wrong. */
export type ChainVerdict =
  | { readonly kind: 'trusted'; readonly path: readonly X509Certificate[] }
  | { readonly kind: 'not-a-ca' | 'no-issuer'; readonly at: X509Certificate };

/**
 * Follows `leaf` through `intermediates` to a self-signed certificate of `anchors` (RFC 5280 section 6, the
 * part that a holder can check before it connects; the peer's TLS library checks the rest). OpenSSL accepts
 * no anchor that is not self-signed unless told to, so neither does this.
 */
export function followChain(
  leaf: X509Certificate,
  intermediates: readonly X509Certificate[],
  anchors: readonly X509Certificate[],
): ChainVerdict {
  const path = [leaf];
  let current = leaf;
  // Longer chains than this do not occur; the bound also ends a circle of cross-signed certificates.
  while (path.length < 10) {
    if (isSelfSigned(current) && anchors.some((anchor) => anchor.raw.equals(current.raw))) {
      return { kind: 'trusted', path };
    }
    const child = current;
    const issuer = [...anchors, ...intermediates].find(
      (candidate) => candidate !== child && issued(candidate, child),
    );
    if (issuer === undefined) return { kind: 'no-issuer', at: current };
    if (!canSign(issuer)) return { kind: 'not-a-ca', at: issuer };
    path.push(issuer);
    current = issuer;
  }
  return { kind: 'no-issuer', at: current };
}

/** Whether a certificate may sign others. X.509 v1 has no way to say so: a self-signed one may. */
export function canSign(certificate: X509Certificate): boolean {
  return certificate.ca || (isVersion1(certificate) && isSelfSigned(certificate));
}

function isSelfSigned(certificate: X509Certificate): boolean {
  return issued(certificate, certificate);
}

function issued(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

/** `version` is an explicit [0] at the start of tbsCertificate; v1 leaves it out (RFC 5280 section 4.1). */
export function isVersion1(certificate: X509Certificate): boolean {
  const inner = contentOffset(certificate.raw, 0);
  return certificate.raw[contentOffset(certificate.raw, inner)] !== 0xa0;
}

/** Where the content of the DER value at `offset` begins (X.690 section 8.1.3). */
function contentOffset(der: Buffer, offset: number): number {
  const length = der[offset + 1] ?? 0;
  return offset + 2 + (length < 0x80 ? 0 : length & 0x7f);
}
