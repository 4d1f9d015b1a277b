import type { Groups } from './groups.js';

/** The country codes of ITU-T E.164, by how many digits they have. */
const countryCodes = new Set(
  (
    '1 7 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98 ' +
    '211 212 213 216 218 220 221 222 223 224 225 226 227 228 229 230 231 232 233 234 235 236 237 238 239 240 241 242 243 244 245 246 247 248 249 ' +
    '250 251 252 253 254 255 256 257 258 260 261 262 263 264 265 266 267 268 269 290 291 297 298 299 350 351 352 353 354 355 356 357 358 359 370 ' +
    '371 372 373 374 375 376 377 378 380 381 382 383 385 386 387 389 420 421 423 500 501 502 503 504 505 506 507 508 509 590 591 592 593 594 595 ' +
    '596 597 598 599 670 672 673 674 675 676 677 678 679 680 681 682 683 685 686 687 688 689 690 691 692 800 808 850 852 853 855 856 870 878 880 ' +
    '881 882 883 886 888 960 961 962 963 964 965 966 967 968 970 971 972 973 974 975 976 977 979 992 993 994 995 996 998'
  ).split(' '),
);

/** Of North America: neither area nor exchange begin with 0 or 1. */
const northAmerican = /^[2-9]\d{2}[2-9]\d{6}$/;

/** Whether digits after a `+` are a number of E.164: 7 digits at least, 15 at most, of a country. */
function isInternational(digits: string): boolean {
  if (digits.length < 8 || digits.length > 15) return false;
  if (digits.startsWith('1')) return northAmerican.test(digits.slice(1));
  return [1, 2, 3].some((length) => countryCodes.has(digits.slice(0, length)));
}

/** How many of the groups are a phone number that begins with `+`; 0 where they are none. */
export function internationalPhone({ digits, ends }: Groups): number {
  for (let count = ends.length; count > 0; count -= 1)
    if (isInternational(digits[count - 1] ?? '')) return count;
  return 0;
}

/** How many of the groups are a phone number as North America writes it; 0 where they are none. */
export function northAmericanPhone({ starts, ends, digits, separators }: Groups): number {
  const lead = digits[0] === '1' ? 1 : 0;
  const [area, exchange, line] = [lead, lead + 1, lead + 2].map((i) => (ends[i] ?? 0) - (starts[i] ?? 0));
  if (area !== 3 || exchange !== 3 || line !== 4) return 0;
  if (!northAmerican.test((digits[lead + 2] ?? '').slice(lead))) return 0;
  const [first = '', second = ''] = [separators[lead + 1], separators[lead + 2]];
  const even = first === second && /^[ .-]$/.test(second);
  return even || (first.startsWith(')') && /^[ .-]$/.test(second)) || (first === '-' && second === ' ')
    ? lead + 3
    : 0;
}
