import type { X509Certificate } from 'node:crypto';
import { canSign, encodingDefectOf, hasIssued, isSelfSigned, weaknessOf } from '../pki/der.js';
import { bundleHas, oneLineName } from '../pki/pem.js';

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
 * no anchor that is not self-signed unless told to (X509_V_FLAG_PARTIAL_CHAIN), so neither does this: `partial`.
 */
export function followChain(
  leaf: X509Certificate,
  intermediates: readonly X509Certificate[],
  anchors: readonly X509Certificate[],
  partial = false,
): ChainVerdict {
  const path = [leaf];
  let current = leaf;
  while (path.length <= longestChain) {
    if ((partial || isSelfSigned(current)) && bundleHas(anchors, current)) {
      return { kind: 'trusted', path };
    }
    const child = current;
    const issuer = [...anchors, ...intermediates].find(
      (candidate) => candidate !== child && hasIssued(candidate, child),
    );
    if (issuer === undefined) return { kind: 'no-issuer', at: current };
    if (!canSign(issuer)) return { kind: 'not-a-ca', at: issuer };
    path.push(issuer);
    current = issuer;
  }
  return { kind: 'too-long' };
}

/** A certificate that nobody should rely on, and why. */
export interface Weak {
  readonly certificate: X509Certificate;
  /** Its subject and the reason, as a part of a sentence. */
  readonly detail: string;
}

/**
 * The first weak certificate of what a peer has shown, or of a path from a leaf to its anchor: the root is the last one,
 * where it is self-signed. A self-signed server that is its own anchor may be a CA: that is what tools make of one, and
 * whoever put it into the bundle meant this very key.
 */
export function weakShown(path: readonly X509Certificate[], shownBy: 'client' | 'server'): Weak | undefined {
  const last = path.at(-1);
  return firstOf(path, (certificate) => {
    const root = certificate === last && isSelfSigned(certificate);
    return judged(certificate, certificate === path[0] && !(root && shownBy === 'server'), root);
  });
}

/**
 * Follows `leaf` as `followChain` does, over no weak certificate. Of two ways, as over a CA that was signed anew, the one
 * without any counts; where there is none, the weak one is named.
 */
export function followStrongChain(
  leaf: X509Certificate,
  others: readonly X509Certificate[],
  authorities: readonly X509Certificate[],
  shownBy: 'client' | 'server',
  partial = false,
): ChainVerdict | { readonly kind: 'weak'; readonly weak: Weak } {
  let [intermediates, anchors] = [others, authorities];
  let first: Weak | undefined;
  for (;;) {
    const verdict = followChain(leaf, intermediates, anchors, partial);
    const found =
      verdict.kind === 'trusted'
        ? weakShown(verdict.path, shownBy)
        : (first ?? unreadableIn([leaf, ...others]));
    if (found === undefined) return verdict;
    first ??= found;
    const { certificate } = found;
    if (verdict.kind !== 'trusted' || certificate === leaf) return { kind: 'weak', weak: first };
    const isOther = (one: X509Certificate) => one !== certificate;
    [intermediates, anchors] = [intermediates.filter(isOther), anchors.filter(isOther)];
  }
}

/** Those of a bundle that let nobody in. */
export const weakAuthorities = (authorities: readonly X509Certificate[]): readonly Weak[] =>
  authorities.flatMap(
    (one) => firstOf([one], (certificate) => judged(certificate, false, isSelfSigned(certificate))) ?? [],
  );

/** The first one for which no issuer can be found because its extensions cannot be read. */
export const unreadableIn = (certificates: readonly X509Certificate[]): Weak | undefined =>
  firstOf(certificates, encodingDefectOf);

function firstOf(
  certificates: readonly X509Certificate[],
  defectOf: (certificate: X509Certificate) => string | undefined,
): Weak | undefined {
  for (const certificate of certificates) {
    const reason = defectOf(certificate);
    if (reason !== undefined) return { certificate, detail: `${oneLineName(certificate.subject)} ${reason}` };
  }
  return undefined;
}

/** Connections that stand are judged again with each change of the files; a certificate never changes. */
const known = new WeakMap<X509Certificate, Map<string, string | undefined>>();

function judged(certificate: X509Certificate, leaf: boolean, root: boolean): string | undefined {
  const reasons = known.get(certificate) ?? new Map<string, string | undefined>();
  const place = `${leaf} ${root}`;
  if (!reasons.has(place)) reasons.set(place, weaknessOf(certificate, { leaf, root }));
  known.set(certificate, reasons);
  return reasons.get(place);
}
