import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { HostnameMismatch, NamedByCommonName, type SallyError } from '../errors.js';
import { hasSan } from '../pki/der.js';

export type HostnameVerdict =
  /** `remark`: it is for that host by its CN alone. */
  | { readonly kind: 'fits'; readonly remark?: SallyError }
  | { readonly kind: 'refused'; readonly error: SallyError };

/**
 * Whether `certificate` is for the host `name` (RFC 6125, RFC 9525). Node takes the CN wherever there is no DNS name; here
 * it counts only where there is no SAN of any kind (RFC 6125 section 6.4.4).
 */
export function judgeHostname(name: string, certificate: X509Certificate, peer: string): HostnameVerdict {
  const legacy = certificate.toLegacyObject() as PeerCertificate;
  const { CN: _, ...subject } = legacy.subject ?? {};
  const withoutCn = { ...legacy, subject } as PeerCertificate;
  if (checkServerIdentity(name, withoutCn) === undefined) return { kind: 'fits' };
  if (!hasSan(certificate) && checkServerIdentity(name, legacy) === undefined)
    return { kind: 'fits', remark: NamedByCommonName({ peer, name }) };
  const names = legacy.subjectaltname?.split(', ').filter((san) => !san.startsWith('URI:')) ?? [];
  const valid = names.join(', ') || 'no host name and no IP address';
  return { kind: 'refused', error: HostnameMismatch({ peer, host: name, ip: isIP(name) !== 0, valid }) };
}
