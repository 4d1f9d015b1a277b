import { DaysInvalid } from '../errors.js';

/** From when until when a certificate is valid, both to the second. */
export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

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
 * Valid from five minutes before `now` until `days` after it, within `ca`'s own validity where one is given.
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
  const wanted = now.getTime() + checkDays(days) * dayMs;
  const end = Math.min(wanted, ca?.notAfter.getTime() ?? wanted);
  const start = Math.max(now.getTime() - backdateMs, ca?.notBefore.getTime() ?? 0);
  return { notBefore: wholeSecond(start), notAfter: wholeSecond(end), shortened: wanted - end > unnoticedMs };
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
