import type { X509Certificate } from 'node:crypto';
import { DaysInvalid, ExpiresInInvalid } from '../errors.js';

/** From when until when a certificate is valid, both to the second. */
export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** `validToDate` came with Node 22: the text form is what Node 20 has. */
export function validityIn(certificate: X509Certificate): Validity {
  return { notBefore: new Date(certificate.validFrom), notAfter: new Date(certificate.validTo) };
}

/** What is wrong with the dates of a certificate or a list at a moment; a second that has begun belongs to it whole. */
export function dateDefect(
  { notBefore, notAfter }: Validity,
  now: Date,
): 'not yet valid' | 'expired' | undefined {
  if (now < notBefore) return 'not yet valid';
  return now > notAfter ? 'expired' : undefined;
}

/** Whether a certificate is valid at that time, as far as its own dates say. */
export const inDate = (certificate: X509Certificate, now: Date): boolean =>
  dateDefect(validityIn(certificate), now) === undefined;

export const defaultDays = 825;
const mostDays = 36_500;
export const dayMs = 86_400_000;

/** A peer whose clock is a little behind must not find a fresh certificate "not yet valid". */
export const backdateMs = 5 * 60_000;

/** A leaf that is made some hours after its CA, with the same number of days, is not worth a word to the user. */
const unnoticedMs = dayMs;

/**
 * A number of days as an option or variable gives it: digits only.
 *
 * @throws SALLY_CERT_DAYS unless it is an integer from `least` (1) to 36500.
 * @example
 * ```ts
 * import { parseDays } from 'sallyport/pki';
 *
 * export const days: number = parseDays('365');
 * ```
 */
export function parseDays(text: string, least = 1): number {
  if (!/^\d{1,6}$/.test(text.trim())) throw DaysInvalid({ value: text, least, most: mostDays });
  return checkDays(Number(text), least);
}

/** `days` itself if it is in range. With 36500 as the most, no end date passes the year 9999 (RFC 5280 4.1.2.5). */
export function checkDays(days: number, least = 1): number {
  if (!Number.isInteger(days) || days < least || days > mostDays) {
    throw DaysInvalid({ value: String(days), least, most: mostDays });
  }
  return days;
}

/**
 * Valid from five minutes before `now` for `days` to the second, within `ca`'s own validity where one is given. The last
 * second belongs to it (RFC 5280 4.1.2.5): `notAfter` is one before the end.
 *
 * @example
 * ```ts
 * import { validityOf } from 'sallyport/pki';
 *
 * export const { notBefore, notAfter, shortened } = validityOf({ now: new Date(), days: 30 });
 * ```
 */
export function validityOf(options: {
  readonly now: Date;
  readonly days: number;
  readonly ca?: Validity;
}): Validity & { readonly shortened: boolean } {
  const { now, days, ca } = options;
  const begin = wholeSecond(now.getTime() - backdateMs).getTime();
  const wanted = begin + checkDays(days) * dayMs - 1000;
  const end = Math.min(wanted, ca?.notAfter.getTime() ?? wanted);
  const start = Math.max(begin, ca?.notBefore.getTime() ?? 0);
  return {
    notBefore: wholeSecond(start),
    notAfter: wholeSecond(end),
    shortened: wanted - end >= unnoticedMs,
  };
}

/** X.509 times have no fractions (RFC 5280 4.1.2.5.2). */
export function wholeSecond(time: number | Date): Date {
  return new Date(Math.floor(Number(time) / 1000) * 1000);
}

/** Whole days until `notAfter`, negative once it has passed. */
export function daysLeft(notAfter: Date, now: Date): number {
  return Math.floor((notAfter.getTime() - now.getTime()) / dayMs);
}

/**
 * A date in the form of `openssl x509 -enddate`: `Jan 15 10:30:45 2027 GMT`.
 *
 * @example
 * ```ts
 * import { opensslDate } from 'sallyport/pki';
 *
 * export const shown: string = opensslDate(new Date(0)); // Jan  1 00:00:00 1970 GMT
 * ```
 */
export function opensslDate(date: Date): string {
  const [, day = '', month, year] = date.toUTCString().split(' ');
  return `${month} ${day.replace(/^0/, ' ')} ${date.toISOString().slice(11, 19)} ${year} GMT`;
}

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

/** `30d`, `12h`, `90m` or `45s` in milliseconds; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const [, number, unit = ''] = /^(\d{1,6}(?:\.\d{1,6})?)([dhms])$/.exec(text.trim()) ?? [];
  return number === undefined ? undefined : Number(number) * (unitMs[unit] ?? 0);
}

/**
 * A policy as `--expires-in` gives it: `30d`, `12h`, `90m` or `45s` before the end, or `25%` of the life left.
 *
 * @throws SALLY_CERT_EXPIRES_IN for anything else, for nothing, and for more than 100 %.
 * @example
 * ```ts
 * import { type DuePolicy, parseExpiresIn } from 'sallyport/pki';
 *
 * export const policy: DuePolicy = parseExpiresIn('30d');
 * ```
 */
export function parseExpiresIn(text: string): DuePolicy {
  const percent = Number(/^(\d{1,6}(?:\.\d{1,6})?)%$/.exec(text.trim())?.[1] ?? 0);
  const ms = parseDuration(text);
  if (ms) return { kind: 'within', ms };
  if (percent > 0 && percent <= 100) return { kind: 'left', fraction: percent / 100 };
  throw ExpiresInInvalid({ value: text });
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

/** A keeper looks at least so often: files change without it, and clocks are set. */
const mostMs = dayMs / 4;
/** So long it leaves alone what is still due after it looked: a CA that is away, a command that failed. */
const leastMs = 60_000;
const retryMs = 10 * 60_000;

/**
 * How long to wait before the next look, in milliseconds. After the first thing becomes due a part of the wait is
 * added, up to ten minutes, so that many hosts that were set up together do not renew together.
 *
 * @param dueAt when each thing is due next.
 * @param random from 0 to 1.
 * @example
 * ```ts
 * import { nextLook } from 'sallyport/pki';
 *
 * const now = new Date();
 * console.log(nextLook({ now, dueAt: [new Date(now.getTime() + 3_600_000)], random: Math.random() }));
 * ```
 */
export function nextLook(options: {
  readonly now: Date;
  readonly dueAt: readonly Date[];
  readonly random: number;
}): number {
  const { now, dueAt, random } = options;
  const until = Math.min(mostMs, ...dueAt.map((date) => date.getTime() - now.getTime()));
  const wait = until <= 0 ? retryMs : Math.max(until, leastMs);
  return Math.round(wait + random * Math.min(wait / 10, retryMs));
}

/** What a keeper needs of the world. */
export interface KeeperDeps {
  /** One look: does what is to be done, and says when each thing is due next. */
  look(): Promise<readonly Date[]>;
  /** Ends early, without an error, when the signal is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  readonly now: () => Date;
  readonly random: () => number;
  /** Told of every wait before it begins. */
  onWait?(ms: number): void;
}

/**
 * Looks, waits, and looks again, until the signal is aborted. A look that is under way is finished.
 *
 * @example
 * ```ts
 * import { setTimeout as sleep } from 'node:timers/promises';
 * import { keep, renewCertificates } from 'sallyport/pki';
 *
 * const stop = new AbortController();
 * await keep(
 *   {
 *     look: async () => (await renewCertificates()).flatMap(({ dueAt }) => dueAt ?? []),
 *     sleep: (ms, signal) => sleep(ms, undefined, { signal }).catch(() => {}),
 *     now: () => new Date(),
 *     random: Math.random,
 *   },
 *   stop.signal,
 * );
 * ```
 */
export async function keep(deps: KeeperDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const dueAt = await deps.look();
    if (signal.aborted) return;
    const ms = nextLook({ now: deps.now(), dueAt, random: deps.random() });
    deps.onWait?.(ms);
    await deps.sleep(ms, signal);
  }
}
