import type { X509Certificate } from 'node:crypto';
import { type FolderState, parseCertificate, parseKey } from './folder.js';

const block =
  /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[\s\S]+?-----END (?:X509 |TRUSTED )?CERTIFICATE-----/g;

/** The certificates of a bundle, each as PEM of its own; those that cannot be read are left out. */
export function certificatesIn(pem: string): readonly string[] {
  return (pem.match(block) ?? []).map((text) => `${text}\n`).filter((text) => parseCertificate(text));
}

/** The certificates as one text, each once, in this order. */
export function bundleOf(pems: readonly string[]): string {
  return [...new Map(pems.map((pem) => [fingerprint(pem), pem])).values()].join('');
}

/**
 * The certificate of the CA that issues: of a bundle, the one whose key is `ca.key`. A run that is cut off between
 * the two files of a CA so leaves nothing ambiguous. Without the key (it may be kept elsewhere) it is the first.
 */
export function activeCa(state: FolderState): string | undefined {
  if (!state.cert) return undefined;
  const all = certificatesIn(state.cert.text);
  const content = state.key && parseKey(state.key.text);
  const own =
    content?.kind === 'key' && all.length > 1
      ? all.find((pem) => parseCertificate(pem)?.checkPrivateKey(content.key))
      : undefined;
  return own ?? all[0];
}

export function isIssuedBy(certificate: X509Certificate, ca: X509Certificate): boolean {
  return certificate.checkIssued(ca) && certificate.verify(ca.publicKey);
}

/** The certificate of `bundle` that issued `certificate`. */
export function issuerIn(bundle: string, certificate: X509Certificate): string | undefined {
  return certificatesIn(bundle).find((pem) => {
    const ca = parseCertificate(pem);
    return ca !== undefined && isIssuedBy(certificate, ca);
  });
}

export function fingerprint(pem: string): string {
  return parseCertificate(pem)?.fingerprint256 ?? pem;
}

/** Whether all of `wanted` are in `bundle`. */
export function bundleHas(bundle: string, wanted: readonly string[]): boolean {
  const present = new Set(certificatesIn(bundle).map(fingerprint));
  return wanted.every((pem) => present.has(fingerprint(pem)));
}

/** How two bundles compare, whatever the order of their certificates. */
export function compareBundles(a: string, b: string): 'same' | 'overlapping' | 'different' {
  const [left, right] = [certificatesIn(a), certificatesIn(b)];
  if (bundleHas(a, right) && bundleHas(b, left)) return left.length > 0 ? 'same' : 'different';
  return left.some((pem) => bundleHas(b, [pem])) ? 'overlapping' : 'different';
}
