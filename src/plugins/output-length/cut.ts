import { type Measure, whole } from './measure.js';

/** How a text is cut. */
export interface Cut {
  readonly measure: Measure;
  /** What stands in the place of what is cut off, within the size. */
  readonly ellipsis: string;
  /** Whether to cut after a word rather than within it. */
  readonly words: boolean;
}

/**
 * The beginning of a text that has at most this size together with the ellipsis. No character is cut, of however many code
 * points it is made. An ellipsis for which there is no room is left out.
 */
export function cutText(text: string, size: number, { measure, ellipsis, words }: Cut): string {
  if (measure.size(text) <= size) return text;
  const fits = ellipsis !== '' && measure.size(ellipsis) < size;
  const mark = fits ? ellipsis : '';
  let end = Math.min(measure.end(text, size), text.length);
  // What is counted together need not be the sum of the parts.
  for (let room = size - (fits ? measure.size(ellipsis) : 0); room >= 0; room -= 1) {
    end = measure.end(text, room);
    if (measure.size(text.slice(0, end) + mark) <= size) break;
  }
  const at = wholeCharacter(text, end);
  return text.slice(0, words ? afterWord(text, at) : at) + mark;
}

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
/** What is looked at around the end, in code units: what is one character over more than that is cut. */
const window = 512;

/** Where the character begins that `end` is within; `end` itself where one begins there. */
function wholeCharacter(text: string, end: number): number {
  if (end <= 0 || end >= text.length) return end;
  const from = whole(text, Math.max(0, end - window));
  const around = text.slice(from, whole(text, Math.min(text.length, end + window)));
  const character = segmenter.segment(around).containing(end - from);
  const begins = from + (character?.index ?? end - from);
  // Of what began before the window nothing is known.
  return begins === from && from > 0 ? whole(text, end) : begins;
}

const wordEnds = new Set(' \t\n\r.,;:!?-—–/\\()[]{}');

/** The end of the last word before `end`, if one ends within the last fifth. */
function afterWord(text: string, end: number): number {
  const from = Math.max(0, Math.floor(end * 0.8));
  for (let at = end; at > from; at -= 1) {
    if (wordEnds.has(text.charAt(at - 1))) return at;
  }
  return end;
}
