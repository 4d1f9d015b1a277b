import type { X509Certificate } from 'node:crypto';
import type { Registry } from 'prom-client';
import { CertExpiring, type SallyError } from '../errors.js';
import { oneLineName } from '../pki/pem.js';
import { dayMs, validityIn } from '../pki/validity.js';
import { metricOptions, type Observer } from '../telemetry/index.js';
import { certificateFile } from './files.js';
import type { CredentialSet } from './load.js';
import type { TlsRole } from './own.js';

/** Days before the end of a certificate at which its holder is warned, the last one first. */
const thresholds = [1, 7, 30] as const;

/** A certificate of a set, and the file that it is from. */
export interface InUse {
  readonly kind: 'leaf' | 'ca';
  readonly path: string;
  readonly certificate: X509Certificate;
}

/** The certificates of a set whose end somebody has to see coming. */
function inUse({ certificate, authorities, files }: CredentialSet): readonly InUse[] {
  return [
    ...(certificate ? [{ kind: 'leaf', path: certificateFile(files) ?? '', certificate } as const] : []),
    ...authorities.map((ca) => ({ kind: 'ca', path: files.caBundle ?? '', certificate: ca }) as const),
  ];
}

/**
 * The warnings that are due: one for each certificate and threshold, from when `renew` would renew it: less than a third of its life is left. `warned` holds what has been said, and is updated.
 * One that lives a day or less is renewed by a machine, and begins below every threshold: nothing is said of it.
 */
export function expiryWarnings(set: CredentialSet, now: Date, warned: Map<string, number>): SallyError[] {
  return inUse(set).flatMap(({ path, certificate }) => {
    const { notBefore, notAfter } = validityIn(certificate);
    const left = notAfter.getTime() - now.getTime();
    const life = notAfter.getTime() - notBefore.getTime();
    const threshold = left <= life / 3 ? thresholds.find((days) => left <= days * dayMs) : undefined;
    const { fingerprint256: id } = certificate;
    if (left < 0 || life <= dayMs || threshold === undefined || threshold >= (warned.get(id) ?? Infinity))
      return [];
    warned.set(id, threshold);
    const subject = oneLineName(certificate.subject);
    return [CertExpiring({ path, subject, notAfter, days: Math.floor(left / dayMs) })];
  });
}

/** What is counted of credentials and handshakes. */
export interface TlsMetrics {
  /** Shows when the certificates that `current` gives end; returns a disposer. */
  holds(role: TlsRole, current: () => CredentialSet): () => void;
  /** Counts handshakes that failed, and reloads. */
  readonly observer: Observer;
}

/** Metrics that `registry` shows. To be called once for a registry. */
export async function openTlsMetrics(registry: Registry): Promise<TlsMetrics> {
  const { Counter, Gauge } = await import('prom-client');
  const holders = new Set<{ readonly role: TlsRole; readonly current: () => CredentialSet }>();
  new Gauge({
    ...metricOptions('certificateExpiry', registry),
    collect() {
      this.reset();
      for (const { role, current } of holders) {
        for (const { kind, path, certificate } of inUse(current())) {
          const subject = oneLineName(certificate.subject);
          const labels = { role, kind, subject, serial: certificate.serialNumber, file: path };
          this.set(labels, Math.round((Date.parse(certificate.validTo) - Date.now()) / 1000));
        }
      }
    },
  });
  const reloads = new Counter(metricOptions('reloads', registry));
  const last = new Gauge(metricOptions('lastReload', registry));
  const failures = new Counter(metricOptions('handshakeFailures', registry));
  return {
    holds(role, current) {
      const holder = { role, current };
      holders.add(holder);
      for (const result of ['changed', 'refused']) reloads.inc({ role, result }, 0);
      last.set({ role }, Date.now() / 1000);
      return () => holders.delete(holder);
    },
    observer: {
      handshake: ({ role }) => ({
        end(error) {
          // The others are about the way to a server: there was no handshake.
          const code = String((error as NodeJS.ErrnoException | undefined)?.code);
          if (code.startsWith('SALLY_TLS_')) failures.inc({ role, reason: code });
        },
      }),
      reload: ({ role }) => ({
        end(error) {
          reloads.inc({ role, result: error ? 'refused' : 'changed' });
          if (error === undefined) last.set({ role }, Date.now() / 1000);
        },
      }),
    },
  };
}
