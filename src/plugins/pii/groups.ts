/** Rows of digits in a text, as people write them: in groups, with one or two separators between. */

const isDigit = (code: number): boolean => code >= 48 && code <= 57;
/** Letters and digits of ASCII, and all letters beyond. */
export const isAlnum = (code: number): boolean =>
  isDigit(code) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code >= 0xc0;

/** Groups of digits that follow each other. */
interface Groups {
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  /** The digits from the first group on, up to the end of each. */
  readonly digits: readonly string[];
  /** What separates each group from the one before. */
  readonly separators: readonly string[];
}

const most = 8;
const separators = ' -./()\u00a0\u202f\u2010\u2011\u2012\u2013';

/** Whether a character may stand between groups. */
export const isSeparator = (character: string): boolean => character !== '' && separators.includes(character);

/** The groups of digits from `start` on, where a digit is. One that goes over into letters is none. */
export function groupsFrom(text: string, start: number): Groups {
  const starts: number[] = [];
  const ends: number[] = [];
  const digits: string[] = [];
  const between: string[] = [];
  let all = '';
  let at = start;
  let separator = '';
  while (starts.length < most && all.length < 20) {
    let end = at;
    while (isDigit(text.charCodeAt(end))) end += 1;
    if (end === at || isAlnum(text.charCodeAt(end))) break;
    all += text.slice(at, end);
    starts.push(at);
    ends.push(end);
    digits.push(all);
    between.push(separator);
    let next = end;
    while (next < end + 2 && separators.includes(text.charAt(next)) && next < text.length) next += 1;
    if (next === end || !isDigit(text.charCodeAt(next))) break;
    separator = text.slice(end, next);
    at = next;
  }
  return { starts, ends, digits, separators: between };
}
export type { Groups };
