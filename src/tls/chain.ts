import type { X509Certificate } from 'node:crypto';
import { isVersion1 } from '../pki/der.js';

/** How a certificate's chain ends: at a CA of the bundle, or where something is wrong. */
export type ChainVerdict =
  | { readonly kind: 'trusted'; readonly path: readonly X509Certificate[] }
  | { readonly kind: 'not-a-ca' | 'no-issuer'; readonly at: X509Certificate }
  | { readonly kind: 'too-long' };

/** Longer chains than this do not occur, leaf and root counted; the bound also ends a circle of cross-signed certificates. */
export const longestChain = 10;

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
  while (path.length <= longestChain) {
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
  return { kind: 'too-long' };
}

/** Whether a certificate may sign others. X.509 v1 has no way to say so: a self-signed one may. */
export function canSign(certificate: X509Certificate): boolean {
  return certificate.ca || (isVersion1(certificate) && isSelfSigned(certificate));
}

/** Also where its keyUsage does not let it sign certificates, as that of a server need not. */
export function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.subject === certificate.issuer && verifies(certificate, certificate);
}

function issued(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && verifies(issuer, certificate);
}

/** Node throws for a key of a kind that OpenSSL does not know: anybody may send one among the certificates of a chain. */
function verifies(issuer: X509Certificate, certificate: X509Certificate): boolean {
  try {
    return certificate.verify(issuer.publicKey);
  } catch {
    return false;
  }
}
