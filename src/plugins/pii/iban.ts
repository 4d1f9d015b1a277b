import { mod97 } from './checksums.js';

/** How long the IBAN of each country is (the registry of SWIFT). */
const lengths: Readonly<Record<string, number>> = {
  AD: 24,
  AE: 23,
  AL: 28,
  AT: 20,
  AZ: 28,
  BA: 20,
  BE: 16,
  BG: 22,
  BH: 22,
  BI: 27,
  BR: 29,
  BY: 28,
  CH: 21,
  CR: 22,
  CY: 28,
  CZ: 24,
  DE: 22,
  DJ: 27,
  DK: 18,
  DO: 28,
  EE: 20,
  EG: 29,
  ES: 24,
  FI: 18,
  FK: 18,
  FO: 18,
  FR: 27,
  GB: 22,
  GE: 22,
  GI: 23,
  GL: 18,
  GR: 27,
  GT: 28,
  HN: 28,
  HR: 21,
  HU: 28,
  IE: 22,
  IL: 23,
  IQ: 23,
  IS: 26,
  IT: 27,
  JO: 30,
  KW: 30,
  KZ: 20,
  LB: 28,
  LC: 32,
  LI: 21,
  LT: 20,
  LU: 20,
  LV: 21,
  LY: 25,
  MC: 27,
  MD: 24,
  ME: 22,
  MK: 19,
  MN: 20,
  MR: 27,
  MT: 31,
  MU: 30,
  NI: 28,
  NL: 18,
  NO: 15,
  OM: 23,
  PK: 24,
  PL: 28,
  PS: 29,
  PT: 25,
  QA: 29,
  RO: 24,
  RS: 22,
  RU: 33,
  SA: 24,
  SC: 31,
  SD: 18,
  SE: 24,
  SI: 19,
  SK: 24,
  SM: 27,
  SO: 23,
  ST: 25,
  SV: 28,
  TL: 23,
  TN: 24,
  TR: 26,
  UA: 29,
  VA: 22,
  VG: 24,
  XK: 20,
  YE: 30,
};

/** What separates the groups of an IBAN on paper. */
const space = /[ \u00a0\u202f-]/;

/** Where the IBAN ends that begins at `start` of a text; -1 where there is none. */
export function endOfIban(text: string, start: number): number {
  const country = text.slice(start, start + 2).toUpperCase();
  const length = Object.hasOwn(lengths, country) ? (lengths[country] ?? 0) : 0;
  if (length === 0) return -1;
  let compact = '';
  let at = start;
  for (; compact.length < length && at < text.length; at += 1) {
    const character = text.charAt(at);
    if (/[0-9A-Za-z]/.test(character)) compact += character;
    // One between groups: not two, and not before the check digits are over.
    else if (!space.test(character) || compact.length < 4 || space.test(text.charAt(at - 1))) return -1;
  }
  if (compact.length < length || /[0-9A-Za-z]/.test(text.charAt(at))) return -1;
  const upper = compact.toUpperCase();
  return mod97(upper.slice(4) + upper.slice(0, 4)) === 1 ? at : -1;
}
