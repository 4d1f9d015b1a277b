import { isIPv4, isIPv6 } from 'node:net';
import type { Match } from '../text/index.js';
import { isCard } from './cards.js';
import { isDay } from './checksums.js';
import { findEmails } from './emails.js';
import { type Groups, groupsFrom, isAlnum, isSeparator } from './groups.js';
import { endOfIban } from './iban.js';
import { type Labelled, Labels } from './labels.js';
import { isBareId, isBsn, isSsn, nationalIds, spacedLead } from './national-ids.js';
import { internationalPhone, northAmericanPhone } from './phones.js';

/** What is looked for by itself, beside names and patterns of the settings. */
export const kinds = [
  'email',
  'phone',
  'card',
  'iban',
  'ssn',
  'national_id',
  'ip',
  'date_of_birth',
  'passport',
  'driver_license',
  'bank_account',
  'medical_record',
] as const;
export type Kind = (typeof kinds)[number];

export interface DetectOptions {
  readonly kinds: ReadonlySet<Kind>;
  /** How far a phone number goes that is written as in some country; 0 where there is none. From the start of the groups on. */
  readonly nationalPhone?: (text: string, groups: Groups) => number;
}

/** Personal data in a text, in the order of places; overlaps are possible between kinds. */
export function detect(text: string, name: string | undefined, options: DetectOptions): Match[] {
  const matches: Match[] = [];
  if (options.kinds.has('email'))
    findEmails(text, (start, end) => void matches.push({ kind: 'email', start, end }));
  new NumberScan(text, name, options, matches).run();
  return matches;
}

const digit = /[0-9]/g;
const ipLike = (code: number): boolean =>
  code === 58 ||
  code === 46 ||
  (code >= 48 && code <= 57) ||
  (code >= 65 && code <= 70) ||
  (code >= 97 && code <= 102);

/** The forms of national ids, by what they begin with. */
const formsByLead = new Map<string, { form: RegExp; check: (compact: string) => boolean }[]>();
for (const { leads, form, check } of nationalIds) {
  const inText = new RegExp(`${form.source}(?![A-Za-z0-9])`, 'y');
  for (const lead of leads)
    formsByLead.set(lead, [...(formsByLead.get(lead) ?? []), { form: inText, check }]);
}

/** Everything that has digits hangs off the digits: what has none is passed over by one search. */
class NumberScan {
  readonly #text: string;
  readonly #kinds: ReadonlySet<Kind>;
  readonly #options: DetectOptions;
  readonly #labels: Labels;
  readonly #matches: Match[];
  /** What is before this place was looked at. */
  #done = 0;

  constructor(text: string, name: string | undefined, options: DetectOptions, matches: Match[]) {
    this.#text = text;
    this.#kinds = options.kinds;
    this.#options = options;
    this.#labels = new Labels(text, name);
    this.#matches = matches;
  }

  run(): void {
    const text = this.#text;
    for (;;) {
      digit.lastIndex = this.#done;
      const at = digit.exec(text)?.index;
      if (at === undefined) return;
      let start = at;
      while (start > this.#done && at - start < 40 && isAlnum(text.charCodeAt(start - 1))) start -= 1;
      let end = at + 1;
      while (isAlnum(text.charCodeAt(end))) end += 1;
      let digits = at + 1;
      while (digits < end && text.charCodeAt(digits) < 58) digits += 1;
      this.#done = end;
      // What goes on for longer is no number of anybody: a hash, data.
      if (end - start > 40) continue;
      if (text.charAt(end) === ':' || text.charAt(start - 1) === ':') this.#address(at);
      else if (start === at && digits === end && this.#isPlainNumber(start, end)) continue;
      if (this.#done === end) this.#word(start, at, digits, end);
    }
  }

  /** Whether digits are too few to be anything by themselves, and neither go on nor have a label: most numbers. */
  #isPlainNumber(start: number, end: number): boolean {
    if (end - start > (this.#options.nationalPhone ? 6 : 8)) return false;
    const text = this.#text;
    const next = text.charCodeAt(end + 1);
    const goesOn =
      (isSeparator(text.charAt(end)) && next >= 48 && next <= 57) ||
      ((text.charCodeAt(end) === 45 || text.charCodeAt(end) === 43) && isAlnum(next)) ||
      isSeparator(text.charAt(end + 1));
    return !goesOn && text.charCodeAt(start - 1) !== 43 && !this.#labels.some;
  }

  #found(kind: Kind, start: number, end: number): boolean {
    if (!this.#kinds.has(kind)) return false;
    this.#matches.push({ kind, start, end });
    this.#done = Math.max(this.#done, end);
    return true;
  }

  /** A word with digits, the first of them from `first` to `digits`. */
  #word(start: number, first: number, digits: number, end: number): boolean {
    const text = this.#text;
    const letters = first - start;
    if (letters === 2 && digits - first >= 2) {
      const iban = endOfIban(text, start);
      if (iban !== -1) return this.#found('iban', start, iban);
    }
    if (this.#nationalId(start, letters, digits - first)) return true;
    if (letters === 0 && digits === end) return this.#digits(start);
    return end - start >= 4 && this.#labelled(start, end, undefined);
  }

  #nationalId(start: number, letters: number, digits: number): boolean {
    if (!this.#kinds.has('national_id') || beforeIsNumber(this.#text, start)) return false;
    if (this.#ofForm(start, `${letters},${digits}`)) return true;
    if (letters > 0 || digits !== 2) return false;
    const apart = /(?<![A-Za-z0-9])[A-Z]{2} $/.test(this.#text.slice(Math.max(0, start - 4), start));
    return apart && this.#ofForm(start - 3, spacedLead);
  }

  #ofForm(start: number, lead: string): boolean {
    for (const { form, check } of formsByLead.get(lead) ?? []) {
      form.lastIndex = start;
      const [written] = form.exec(this.#text) ?? [];
      if (written !== undefined && check(written.replace(/[^0-9A-Za-z]/g, '').toUpperCase()))
        return this.#found('national_id', start, start + written.length);
    }
    return false;
  }

  /** Groups of digits: the first is a word of its own. */
  #digits(start: number): boolean {
    const text = this.#text;
    const groups = groupsFrom(text, start);
    const end = groups.ends[0] ?? start;
    const all = groups.digits.at(-1) ?? '';
    if (this.#date(start)) return true;
    if (all.length < 4) return false;
    const plus = text.charAt(start - 1) === '+' || text.slice(start - 2, start) === '+(';
    const reach = (count: number) => groups.ends[count - 1] ?? end;
    if (plus && this.#kinds.has('phone')) {
      const count = internationalPhone(groups);
      if (count > 0) return this.#found('phone', text.lastIndexOf('+', start), reach(count));
    }
    if (beforeIsNumber(text, start)) return false;
    if (this.#ipv4(groups)) return true;
    for (let count = groups.ends.length; count > 0; count -= 1) {
      if (isCard(groups.digits[count - 1] ?? '') && evenly(groups, count))
        if (this.#found('card', start, reach(count))) return true;
    }
    if (isSsnGroups(groups) && this.#found('ssn', start, reach(3))) return true;
    if (this.#labelledId(start, groups)) return true;
    if (this.#kinds.has('phone')) {
      const count = northAmericanPhone(groups) || (this.#options.nationalPhone?.(text, groups) ?? 0);
      if (count > 0)
        return this.#found('phone', text.charAt(start - 1) === '(' ? start - 1 : start, reach(count));
    }
    return this.#labelled(start, end, groups);
  }

  #ipv4({ starts, ends, separators }: Groups): boolean {
    if (starts.length < 4 || separators[1] !== '.' || separators[2] !== '.' || separators[3] !== '.')
      return false;
    const [start = 0, end = 0] = [starts[0], ends[3]];
    const address = this.#text.slice(start, end);
    if (
      separators[4] === '.' ||
      !isIPv4(address) ||
      /(?:version|\bv\.?)\s?$/i.test(this.#text.slice(Math.max(0, start - 9), start))
    )
      return false;
    // The host itself is nobody.
    if (/^(?:127\.|0\.0\.0\.0$|255\.255\.255\.255$)/.test(address)) return false;
    return this.#found('ip', start, end);
  }

  /** An IPv6 address around a place. */
  #address(at: number): void {
    const text = this.#text;
    let start = at;
    while (start > 0 && at - start < 45 && ipLike(text.charCodeAt(start - 1))) start -= 1;
    let end = at;
    while (end - start < 46 && ipLike(text.charCodeAt(end))) end += 1;
    while (end > start && /[.:]/.test(text.charAt(end - 1)) && text.slice(end - 2, end) !== '::') end -= 1;
    const address = text.slice(start, end);
    if (!/:.*:/.test(address) || isAlnum(text.charCodeAt(start - 1)) || isAlnum(text.charCodeAt(end))) return;
    if (isIPv6(address) && !/^[0:]*1?$/.test(address)) this.#found('ip', start, end);
  }

  #date(start: number): boolean {
    if (!this.#kinds.has('date_of_birth') || !this.#labels.some) return false;
    const text = this.#text;
    const month = /(?<![A-Za-z])(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.? $/i.exec(
      text.slice(Math.max(0, start - 12), start),
    );
    const from = start - (month?.[0].length ?? 0);
    const before = this.#labels.before(from);
    if (!Labels.says('date_of_birth', before)) return false;
    const end = endOfDate(text, from);
    return end !== -1 && this.#found('date_of_birth', from, end);
  }

  /** Groups of digits that are an id because a label before them says so, and their check digits. */
  #labelledId(start: number, { digits: all, ends }: Groups): boolean {
    if (!this.#labels.some) return false;
    const before = this.#labels.before(start);
    for (let count = ends.length; count > 0; count -= 1) {
      const digits = all[count - 1] ?? '';
      if (digits.length < 9) return false;
      const end = ends[count - 1] ?? start;
      if (isSsn(digits) && Labels.says('ssn', before)) return this.#found('ssn', start, end);
      const isId =
        (isBsn(digits) && Labels.says('bsn', before)) ||
        (isBareId(digits) && Labels.says('national_id', before));
      if (isId) return this.#found('national_id', start, end);
    }
    return false;
  }

  /** What a label before it makes of a word with digits, or of groups of digits. */
  #labelled(start: number, end: number, groups: Groups | undefined): boolean {
    if (!this.#labels.some) return false;
    const before = this.#labels.before(start);
    const says = (kind: Labelled) => Labels.says(kind, before);
    const text = this.#text;
    const word = text.slice(start, end);
    if (groups !== undefined) {
      for (let count = groups.ends.length; count > 0; count -= 1) {
        const digits = groups.digits[count - 1] ?? '';
        const reach = groups.ends[count - 1] ?? end;
        const { length } = digits;
        if (length < 5) break;
        if (length >= 7 && length <= 15 && says('phone') && this.#found('phone', start, reach)) return true;
        if (length >= 6 && length <= 17 && says('bank_account') && this.#found('bank_account', start, reach))
          return true;
      }
    }
    if (/^[A-Z]{0,3}\d{5,9}[A-Z]?$/i.test(word) && says('passport'))
      return this.#found('passport', start, end);
    const license = endOfWords(text, end);
    if (/(?:[^0-9]*[0-9]){4}/.test(text.slice(start, license)) && says('driver_license'))
      return this.#found('driver_license', start, license);
    if (/^[A-Z]{0,4}\d{5,12}$/i.test(word) && says('medical_record'))
      return this.#found('medical_record', start, end);
    return false;
  }
}

/** Whether a place is within a number or an id: after a digit and a sign that goes on with it. */
function beforeIsNumber(text: string, start: number): boolean {
  const [before, sign] = [text.charCodeAt(start - 2), text.charCodeAt(start - 1)];
  return before >= 48 && before <= 57 && (sign === 44 || sign === 45 || sign === 46);
}

/** Whether groups belong together: one and the same separator between all. */
const evenly = ({ separators }: Groups, count: number): boolean =>
  separators
    .slice(1, count)
    .every((separator) => separator === separators[1] && separator.length === 1 && separator !== '/');

function isSsnGroups({ starts, ends, digits, separators }: Groups): boolean {
  const [a = 0, b = 0, c = 0] = [0, 1, 2].map((i) => (ends[i] ?? 0) - (starts[i] ?? 0));
  const separator = separators[1] ?? '';
  if (a !== 3 || b !== 2 || c !== 4 || separator !== separators[2]) return false;
  return /^[- \u2010-\u2013]$/.test(separator) && isSsn(digits[2] ?? '');
}

/** Words that go on after hyphens: D123-4567-8901. */
function endOfWords(text: string, end: number): number {
  const more = /^(?:-[A-Za-z0-9]{1,8}){1,5}/.exec(text.slice(end, end + 50));
  return end + (more?.[0].length ?? 0);
}

const dates: readonly { readonly form: RegExp; readonly isDate: (parts: readonly string[]) => boolean }[] = [
  {
    form: /^(?:1[89]|20)\d{2}([-/.])(\d{1,2})\1(\d{1,2})(?!\d)/,
    isDate: ([, , month, day]) => isDay(Number(month), Number(day)),
  },
  {
    form: /^(\d{1,2})([-/.])(\d{1,2})\2(?:(?:1[89]|20)\d{2}|\d{2})(?!\d)/,
    isDate: ([, one, , two]) => isDay(Number(one), Number(two)) || isDay(Number(two), Number(one)),
  },
  {
    form: /^(?:1[89]|20)\d{2}(\d{2})(\d{2})(?!\d)/,
    isDate: ([, month, day]) => isDay(Number(month), Number(day)),
  },
  {
    form: /^\d{1,2}(?:st|nd|rd|th|\.)? (?:of )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.?,? (?:1[89]|20)\d{2}(?!\d)/i,
    isDate: () => true,
  },
  { form: /^[A-Za-z]{3,9}\.? \d{1,2}(?:st|nd|rd|th)?,? (?:1[89]|20)\d{2}(?!\d)/, isDate: () => true },
];

function endOfDate(text: string, start: number): number {
  const window = text.slice(start, start + 32);
  for (const { form, isDate } of dates) {
    const parts = form.exec(window);
    if (parts !== null && isDate(parts)) return start + parts[0].length;
  }
  return -1;
}
