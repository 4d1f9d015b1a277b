import type { Registry } from 'prom-client';
import { heldBy } from './expiry.js';
import type { CredentialSet, TlsRole } from './load.js';
import { oneLineName } from './peer.js';

/** What is counted of credentials and handshakes. */
export interface TlsMetrics {
  /** Shows when the certificates that `current` gives end, until the answer is called. */
  holds(role: TlsRole, current: () => CredentialSet): () => void;
  reloaded(role: TlsRole, result: 'changed' | 'refused', at: Date): void;
  /** A handshake that failed, or a peer that was refused after it: the code of the error. */
  refused(role: TlsRole, code: string): void;
}

/** Counts nothing: for who has no registry. */
export const noMetrics: TlsMetrics = { holds: () => () => {}, reloaded() {}, refused() {} };

/** Metrics that `registry` shows. To be called once for a registry. */
export async function openTlsMetrics(
  registry: Registry,
  now: () => Date = () => new Date(),
): Promise<TlsMetrics> {
  const { Counter, Gauge } = await import('prom-client');
  const registers = [registry];
  const holders = new Set<{ readonly role: TlsRole; readonly current: () => CredentialSet }>();
  new Gauge({
    name: 'sallyport_tls_certificate_expiry_seconds',
    help: 'Seconds until a certificate in use ends; negative once it has',
    labelNames: ['role', 'kind', 'subject', 'serial', 'file'],
    // Of several workers the one that is worst off: a sum would mean nothing.
    aggregator: 'min',
    registers,
    collect() {
      this.reset();
      for (const { role, current } of holders) {
        for (const { kind, path, certificate } of heldBy(current())) {
          const subject = oneLineName(certificate.subject);
          const labels = { role, kind, subject, serial: certificate.serialNumber, file: path };
          this.set(labels, Math.round((Date.parse(certificate.validTo) - now().getTime()) / 1000));
        }
      }
    },
  });
  const reloads = new Counter({
    name: 'sallyport_tls_reloads_total',
    help: 'Changes of certificate files by what came of them: changed, they are in use; refused, the old ones are kept',
    labelNames: ['role', 'result'],
    registers,
  });
  const last = new Gauge({
    name: 'sallyport_tls_last_reload_timestamp_seconds',
    help: 'When the certificates in use were loaded, in seconds since 1970',
    labelNames: ['role'],
    aggregator: 'min',
    registers,
  });
  const failures = new Counter({
    name: 'sallyport_tls_handshake_failures_total',
    help: 'TLS handshakes that failed and peers that were refused, by the code of the error',
    labelNames: ['role', 'reason'],
    registers,
  });
  return {
    holds(role, current) {
      const holder = { role, current };
      holders.add(holder);
      for (const result of ['changed', 'refused']) reloads.inc({ role, result }, 0);
      last.set({ role }, now().getTime() / 1000);
      return () => holders.delete(holder);
    },
    reloaded(role, result, at) {
      reloads.inc({ role, result });
      if (result === 'changed') last.set({ role }, at.getTime() / 1000);
    },
    refused: (role, reason) => failures.inc({ role, reason }),
  };
}
