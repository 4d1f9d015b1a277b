import { isDay, luhn, mod11and10, mod97, verhoeff, weighted } from './checksums.js';

/** A national id that its form alone gives away: by punctuation or letters, and by a check digit where it has one. */
interface NationalId {
  readonly country: string;
  /** How many letters and digits it may begin with: `2,6`. */
  readonly leads: readonly string[];
  readonly form: RegExp;
  /** Of its digits and letters alone, in capitals. */
  readonly check: (compact: string) => boolean;
}

/** Of a form whose letters stand apart: `AB 12 34 56 C`. */
export const spacedLead = '2,0';

const digit = (text: string, at: number): number => text.charCodeAt(at) - 48;
const number = (text: string, from: number, to: number): number => Number(text.slice(from, to));

const spanish = (digits: string, letter: string | undefined): boolean =>
  'TRWAGMYFPDXBNJZSQVHLCKE'[Number(digits) % 23] === letter;

function cpf(id: string): boolean {
  if (/^(\d)\1+$/.test(id)) return false;
  const at = (length: number) => {
    let sum = 0;
    for (let i = 0; i < length; i += 1) sum += digit(id, i) * (length + 1 - i);
    return ((sum * 10) % 11) % 10 === digit(id, length);
  };
  return at(9) && at(10);
}

const oddValues = [
  1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23,
];

/** The codice fiscale, its last letter a check of the others. */
function codiceFiscale(id: string): boolean {
  let sum = 0;
  for (let i = 0; i < 15; i += 1) {
    const code = id.charCodeAt(i);
    const value = code < 65 ? code - 48 : code - 65;
    sum += i % 2 === 0 ? (oddValues[value] ?? 0) : value;
  }
  return String.fromCharCode(65 + (sum % 26)) === id[15];
}

/** A checksum for 11 with an X for ten: weights of the digits before it. */
function chinese(id: string): boolean {
  const sum = weighted(id, [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
  return '10X98765432'[sum % 11] === id[17] && isDay(number(id, 10, 12), number(id, 12, 14));
}

const remainder11 = (id: string, weights: readonly number[]): number => weighted(id, weights) % 11;
const nhsWeights = [10, 9, 8, 7, 6, 5, 4, 3, 2, 1];

export const nationalIds: readonly NationalId[] = [
  // US Social Security numbers are a kind of their own.
  {
    country: 'ES',
    leads: ['0,8'],
    form: /\d{8}-?[A-Z]/,
    check: (id) => spanish(id.slice(0, 8), id[8]),
  },
  {
    country: 'ES',
    leads: ['1,7'],
    form: /[XYZ]\d{7}-?[A-Z]/,
    check: (id) => spanish('XYZ'.indexOf(id.charAt(0)) + id.slice(1, 8), id[8]),
  },
  {
    country: 'IT',
    leads: ['6,2'],
    form: /[A-Z]{6}\d{2}[ABCDEHLMPRST]\d{2}[A-Z]\d{3}[A-Z]/,
    check: codiceFiscale,
  },
  {
    country: 'FR',
    leads: ['0,1', '0,3', '0,5', '0,6', '0,7', '0,10', '0,13', '0,15'],
    form: /[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}/,
    check: (id) => {
      const digits = id.replace('A', '0').replace('B', '0');
      const less = id.includes('A') ? 1_000_000n : id.includes('B') ? 2_000_000n : 0n;
      return 97 - Number((BigInt(digits.slice(0, 13)) - less) % 97n) === number(digits, 13, 15);
    },
  },
  {
    country: 'GB',
    leads: ['2,6', '2,2', spacedLead],
    form: /[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]/,
    check: (id) => !['BG', 'GB', 'KN', 'NK', 'NT', 'TN', 'ZZ'].includes(id.slice(0, 2)),
  },
  {
    country: 'SE',
    leads: ['0,6', '0,8'],
    form: /(?:19|20)?\d{6}[-+]\d{4}/,
    check: (id) =>
      luhn(id.slice(-10)) &&
      isDay(number(id, id.length - 8, id.length - 6), number(id, id.length - 6, id.length - 4) % 60),
  },
  {
    country: 'FI',
    leads: ['0,6'],
    form: /\d{6}[-+A-F]\d{3}[0-9A-Y]/,
    check: (id) => {
      const digits = id.slice(0, 6) + id.slice(-4, -1);
      return (
        '0123456789ABCDEFHJKLMNPRSTUVWXY'[Number(digits) % 31] === id.at(-1) &&
        isDay(number(id, 2, 4), number(id, 0, 2))
      );
    },
  },
  {
    country: 'CH',
    leads: ['0,3'],
    form: /756\.\d{4}\.\d{4}\.\d{2}/,
    check: (id) => (10 - (weighted(id, [1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3]) % 10)) % 10 === digit(id, 12),
  },
  { country: 'BE', leads: ['0,2'], form: /\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}/, check: belgian },
  { country: 'BR', leads: ['0,3'], form: /\d{3}\.\d{3}\.\d{3}-\d{2}/, check: cpf },
  { country: 'IN', leads: ['0,4'], form: /[2-9]\d{3} \d{4} \d{4}(?! \d)/, check: verhoeff },
  { country: 'IN', leads: ['5,4'], form: /[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]/, check: () => true },
  { country: 'CN', leads: ['0,17', '0,18'], form: /[1-8]\d{5}(?:19|20)\d{9}[\dX]/, check: chinese },
  {
    country: 'KR',
    leads: ['0,6'],
    form: /\d{6}-[1-8]\d{6}/,
    check: (id) => isDay(number(id, 2, 4), number(id, 4, 6)),
  },
  {
    country: 'MX',
    leads: ['4,6'],
    form: /[A-Z][AEIOUX][A-Z]{2}\d{6}[HMX][A-Z]{5}[0-9A-Z]\d/,
    check: (id) => isDay(number(id, 6, 8), number(id, 8, 10)),
  },
];

function belgian(id: string): boolean {
  const check = number(id, 9, 11);
  return [id.slice(0, 9), `2${id.slice(0, 9)}`].some((digits) => 97 - (Number(digits) % 97) === check);
}

/** Those that are a bare row of digits: only where a label stands before them. */
const bareIds: readonly { readonly length: number; readonly check: (id: string) => boolean }[] = [
  { length: 9, check: isBsn },
  { length: 11, check: (id) => mod11and10(id) && id[0] !== '0' }, // Germany, tax id
  {
    length: 11,
    check: (id) => (10 - (weighted(id, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10)) % 10 === digit(id, 10),
  }, // Poland
  { length: 11, check: cpf },
  { length: 11, check: belgian },
  { length: 10, check: (id) => remainder11(id, nhsWeights) === 0 }, // United Kingdom, NHS
  { length: 9, check: luhn }, // Canada
  { length: 9, check: (id) => remainder11(id, [1, 4, 3, 7, 5, 8, 6, 9, 10]) === 0 }, // Australia, TFN
  { length: 12, check: verhoeff }, // India
  { length: 13, check: luhn }, // South Africa
  { length: 10, check: luhn }, // Sweden
  { length: 12, check: (id) => luhn(id.slice(2)) },
  { length: 13, check: (id) => id.startsWith('756') },
  { length: 15, check: (id) => 97 - mod97(id.slice(0, 13)) === number(id, 13, 15) }, // France
];

/** The Dutch BSN: nine digits by the test of eleven. */
export function isBsn(id: string): boolean {
  return /^\d{9}$/.test(id) && id !== '000000000' && remainder11(id, [9, 8, 7, 6, 5, 4, 3, 2, -1]) === 0;
}

/** Whether a row of digits is a national id of some country, its check digit right. */
export const isBareId = (digits: string): boolean =>
  bareIds.some(({ length, check }) => digits.length === length && check(digits));

/** A US Social Security number: of no area, group or serial that is never given out. */
export function isSsn(digits: string): boolean {
  return /^(?!000|666|9)\d{3}(?!00)\d{2}(?!0000)\d{4}$/.test(digits);
}
