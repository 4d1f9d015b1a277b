import { ExpiresInInvalid } from '../errors.js';
import type { Validity } from './validity.js';

/** When a certificate is due: so long before its end, or when so much of its life (0 to 1) is left. */
export type DuePolicy =
  | { readonly kind: 'within'; readonly ms: number }
  | { readonly kind: 'left'; readonly fraction: number };

/**
 * A third of its life: what cert-manager and ACME clients renew at.
 *
 * @example
 * ```ts
 * import { defaultDue, renewCertificates } from 'sallyport/pki';
 *
 * await renewCertificates({ due: defaultDue });
 * ```
 */
export const defaultDue: DuePolicy = { kind: 'left', fraction: 1 / 3 };

const unitMs: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000 };

/**
 * A policy as `--expires-in` gives it: `30d`, `12h`, `90m` or `45s` before the end, or `25%` of the life left.
 *
 * @throws SALLY_CERT_EXPIRES_IN for anything else, for nothing, and for 100 % or more.
 * @example
 * ```ts
 * import { type DuePolicy, parseExpiresIn } from 'sallyport/pki';
 *
 * export const policy: DuePolicy = parseExpiresIn('30d');
 * ```
 */
export function parseExpiresIn(text: string): DuePolicy {
  const [, number = '', unit = ''] = /^(\d{1,6}(?:\.\d{1,6})?)([dhms%])$/.exec(text.trim()) ?? [];
  const value = Number(number);
  if (number === '' || value === 0 || (unit === '%' && value >= 100)) throw ExpiresInInvalid({ value: text });
  return unit === '%'
    ? { kind: 'left', fraction: value / 100 }
    : { kind: 'within', ms: value * (unitMs[unit] ?? 0) };
}

/**
 * From when on a certificate is due for renewal.
 *
 * @example
 * ```ts
 * import { defaultDue, dueAt, validityOf } from 'sallyport/pki';
 *
 * const validity = validityOf({ now: new Date(), days: 90 });
 * console.log(dueAt(validity, defaultDue).toISOString());
 * ```
 */
export function dueAt({ notBefore, notAfter }: Validity, policy: DuePolicy): Date {
  const end = notAfter.getTime();
  if (policy.kind === 'within') return new Date(end - policy.ms);
  return new Date(Math.ceil(end - (end - notBefore.getTime()) * policy.fraction));
}
