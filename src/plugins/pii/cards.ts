import { luhn } from './checksums.js';

/** Who issues cards: the prefixes of their numbers, and how long these are. */
const issuers: readonly (readonly [from: number, to: number, lengths: readonly number[]])[] = [
  [4, 4, [13, 16, 19]], // Visa
  [51, 55, [16]], // Mastercard
  [2221, 2720, [16]],
  [34, 34, [15]], // American Express
  [37, 37, [15]],
  [6011, 6011, [16, 19]], // Discover
  [644, 659, [16, 19]],
  [300, 305, [14, 16, 19]], // Diners Club
  [3095, 3095, [14, 16, 19]],
  [36, 36, [14, 16, 19]],
  [38, 39, [14, 16, 19]],
  [3528, 3589, [16, 19]], // JCB
  [62, 62, [16, 17, 18, 19]], // UnionPay
  [81, 81, [16]], // RuPay, UnionPay
  [508, 508, [16]], // RuPay
  [2200, 2204, [16, 19]], // Mir
  [5018, 5018, [13, 15, 16, 18, 19]], // Maestro
  [5020, 5020, [13, 15, 16, 18, 19]],
  [5038, 5038, [13, 15, 16, 18, 19]],
  [5893, 5893, [13, 15, 16, 18, 19]],
  [6304, 6304, [13, 15, 16, 18, 19]],
  [6759, 6763, [13, 15, 16, 18, 19]],
];

/** Whether it is the number of a payment card: of an issuer, of a length that it has, with the right check digit. */
export function isCard(digits: string): boolean {
  const { length } = digits;
  if (length < 13 || length > 19) return false;
  const known = issuers.some(([from, to, lengths]) => {
    const prefix = Number(digits.slice(0, String(from).length));
    return prefix >= from && prefix <= to && lengths.includes(length);
  });
  return known && luhn(digits) && !/^(\d)\1+$/.test(digits);
}
