import type { X509Certificate } from 'node:crypto';
import { CertExpiring, type SallyError } from '../errors.js';
import type { CredentialSet } from './load.js';
import { oneLineName } from './peer.js';

const dayMs = 86_400_000;

/** Days before the end of a certificate at which its holder is warned, the last one first. */
const thresholds = [1, 7, 30] as const;

/** A certificate of a set, and the file that it is from. */
export interface Held {
  readonly kind: 'leaf' | 'ca';
  readonly path: string;
  readonly certificate: X509Certificate;
}

/** The certificates of a set whose end somebody has to see coming. */
export function heldBy({ certificate, authorities, files }: CredentialSet): readonly Held[] {
  return [
    ...(certificate ? [{ kind: 'leaf', path: files.certfile ?? '', certificate } as const] : []),
    ...authorities.map((ca) => ({ kind: 'ca', path: files.caBundle ?? '', certificate: ca }) as const),
  ];
}

/**
 * The warnings that are due: one for each certificate and threshold. `told` holds what has been said, and is updated.
 * One that lives a day or less is renewed by a machine, and begins below every threshold: nothing is said of it.
 */
export function expiryWarnings(set: CredentialSet, now: Date, told: Map<string, number>): SallyError[] {
  return heldBy(set).flatMap(({ path, certificate }) => {
    const notAfter = new Date(certificate.validTo);
    const left = notAfter.getTime() - now.getTime();
    const life = notAfter.getTime() - new Date(certificate.validFrom).getTime();
    const threshold = thresholds.find((days) => left <= days * dayMs);
    const { fingerprint256: id } = certificate;
    if (left < 0 || life <= dayMs || threshold === undefined || threshold >= (told.get(id) ?? Infinity))
      return [];
    told.set(id, threshold);
    const subject = oneLineName(certificate.subject);
    return [CertExpiring({ path, subject, notAfter, days: Math.floor(left / dayMs) })];
  });
}
