// Its classes are decorated: without the metadata shim the import itself throws.
import 'reflect-metadata';
import { X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { ipSan, type San } from './sans.js';

/** Node's reader takes what OpenSSL takes: text before the first block, more certificates after it. */
export function read(certPem: string): x509.X509Certificate {
  return new x509.X509Certificate(new X509Certificate(certPem).raw);
}

/** The subject alternative names of a certificate, those of the kinds that are issued here. */
export function sansOf(certPem: string): readonly San[] {
  return sansOfExtension(read(certPem).getExtension(x509.SubjectAlternativeNameExtension));
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
export function mayListRevoked(certPem: string): boolean {
  const usage = read(certPem).getExtension(x509.KeyUsagesExtension);
  return !usage || (usage.usages & x509.KeyUsageFlags.cRLSign) !== 0;
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
