/** What stands for nothing on a screen, or changes what stands beside it: nobody sees it, and a model reads it. */
const hiddenClass =
  '[\\p{Cc}\\p{Cf}\\p{Co}\\p{Cs}\\p{Zl}\\p{Zp}\\p{Default_Ignorable_Code_Point}\\u{2800}\\u{A0}\\u{1680}\\u{2000}-\\u{200A}\\u{202F}\\u{205F}]';
/** Emoji are made of several characters, some of which are nothing alone; so are words of some scripts. */
const pictograph = '\\p{Extended_Pictographic}\\p{Emoji_Modifier}?\\u{FE0F}?';
const emoji = `${pictograph}(?:\\u{200D}${pictograph})*|[0-9#*]\\u{FE0F}\\u{20E3}`;
const joining = ['Arabic', 'Devanagari', 'Bengali', 'Gujarati', 'Gurmukhi', 'Kannada', 'Khmer']
  .concat('Malayalam', 'Oriya', 'Sinhala', 'Tamil', 'Telugu')
  .map((script) => `\\p{Script=${script}}`)
  .join('');
const joined = `(?<=[${joining}]\\p{M}?)[\\u{200C}\\u{200D}]`;
const ordinary = `[\\n\\t]|${emoji}|${joined}`;

/** Runs of hidden characters; what is written with some of them in the ordinary way matches first, without the group. */
const runs = () => new RegExp(`(?:${ordinary})|((?:(?!${ordinary})${hiddenClass})+)`, 'gu');

/** `text` with each run of hidden characters as `write` has it. */
export function replaceHidden(text: string, write: (run: string) => string): string {
  return text.replace(runs(), (all: string, run: string | undefined) =>
    run === undefined ? all : write(run),
  );
}

/** The runs of hidden characters in a text. */
export function hiddenRuns(text: string): string[] {
  return [...text.matchAll(runs())].flatMap(([, run]) => (run === undefined ? [] : [run]));
}

const isTag = (code: number) => code >= 0xe0000 && code <= 0xe007f;

/** What tag characters spell: each stands for a character of ASCII (Unicode, block Tags). '' where there are none. */
export function spelt(run: string): string {
  return [...run]
    .map((char) => char.codePointAt(0) ?? 0)
    .filter((code) => isTag(code) && code >= 0xe0020 && code < 0xe007f)
    .map((code) => String.fromCharCode(code - 0xe0000))
    .join('');
}

const codeOf = (char: string) =>
  `U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;

/** How many characters of one run are named one by one. */
const mostNamed = 6;

/** A run of hidden characters by their code points, and by what it spells. */
export function named(run: string): string {
  const chars = [...run];
  const spelling = spelt(run);
  if (spelling !== '') return `‹${chars.length} tag characters: ${spelling}›`;
  const [first = ''] = chars;
  if (chars.length > 1 && chars.every((char) => char === first)) return `‹${codeOf(first)} ×${chars.length}›`;
  const shown = chars.slice(0, mostNamed).map(codeOf).join(' ');
  return chars.length > mostNamed ? `‹${shown} and ${chars.length - mostNamed} more›` : `‹${shown}›`;
}

/** A text as a person has to see it: what is hidden in it stands there by its name. Line ends and tabs stay. */
export const visible = (text: string): string => replaceHidden(text, named);
