import { isJsonObject, writeJson } from '../../json/index.js';
import { hiddenRuns, replaceHidden } from './visible.js';

/**
 * JSON values as YAML that is read in a diff: one member a line, keys sorted, texts in lines of their own, and nothing in it that a
 * screen does not show. Texts are quoted or blocks, and so a plain word is a number, true, false or null, and nothing is lost.
 */

const plainKey = /^[A-Za-z_$][\w.$/-]*$/;
/** What other readers of YAML take for something else than a text. */
const reserved = /^(?:true|false|null|yes|no|on|off|y|n)$/i;
/** YAML 1.2 section 7.4: an implicit key has 1024 characters at most. */
const longestKey = 800;
/** A line of a text that is longer is cut where its sentences end: a change within is then a change of one of them. */
const longestLine = 100;

/** The lines of a map that stands at `indent`. `write` makes what follows the colon; default: as `yamlValue` has it. */
export function yamlMap(
  entries: Iterable<readonly [key: string, value: unknown]>,
  indent: number,
  write: (value: unknown, indent: number) => string = yamlValue,
): string {
  const start = ' '.repeat(indent);
  let text = '';
  for (const [key, value] of entries) {
    const written = plainKey.test(key) && !reserved.test(key) ? key : quoted(key);
    const begin = written.length > longestKey ? `${start}? ${written}\n${start}:` : `${start}${written}:`;
    text += `${begin}${write(value, indent + 2)}`;
  }
  return text;
}

/** What follows a colon: ` "text"` and the like on the same line, or a line end and lines at `indent`. */
export function yamlValue(value: unknown, indent: number): string {
  if (Array.isArray(value)) return value.length === 0 ? ' []\n' : `\n${yamlList(value, indent)}`;
  if (isJsonObject(value)) {
    const keys = Object.keys(value).sort();
    return keys.length === 0
      ? ' {}\n'
      : `\n${yamlMap(
          keys.map((key) => [key, value[key]]),
          indent,
        )}`;
  }
  return ` ${typeof value === 'string' ? yamlText(value, indent) : writeJson(value)}\n`;
}

function yamlList(items: readonly unknown[], indent: number): string {
  const start = ' '.repeat(indent);
  return items
    .map((item) => {
      const text = yamlValue(item, indent + 2);
      // The first line of what is nested follows the dash.
      return `${start}-${text.startsWith('\n') ? ` ${text.slice(indent + 3)}` : text}`;
    })
    .join('');
}

function yamlText(text: string, indent: number): string {
  const start = ' '.repeat(indent);
  if (!isPlainBlock(text)) return quoted(text, `\\\n${start}`);
  const ends = text.endsWith('\n');
  const lines = (ends ? text.slice(0, -1) : text).split('\n');
  return `${ends ? '|' : '|-'}\n${lines.map((line) => (line === '' ? '' : start + line)).join('\n')}`;
}

/** Whether a text can stand as a block: several lines that hide nothing, neither blanks at their ends nor what an editor would take away. */
function isPlainBlock(text: string): boolean {
  const isOdd = !text.includes('\n') || /^\s|\t|\n\n$/.test(text) || / $/m.test(text);
  if (isOdd || text.split('\n').some((line) => line.length > 2 * longestLine)) return false;
  return hiddenRuns(text).length === 0;
}

/** A text in double quotes; with `fold` a line for each of its lines, and for the sentences of long ones. */
function quoted(text: string, fold?: string): string {
  if (fold === undefined) return `"${escaped(text)}"`;
  const lines = text.split(/(?<=\n)(?=.)/s);
  const parts = lines.flatMap((line) =>
    line.length > longestLine ? line.split(/(?<=[.!?;:] )(?=\S)/) : [line],
  );
  // What begins a line is taken for its indentation, unless it is escaped.
  const written = parts.map((part, i) => (i > 0 ? escaped(part).replace(/^ /, '\\ ') : escaped(part)));
  return `"${written.join(fold)}"`;
}

function escaped(text: string): string {
  const plain = text
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('\n', '\\n')
    .replaceAll('\t', '\\t');
  return replaceHidden(plain, (run) => [...run].map(escapeOf).join(''));
}

function escapeOf(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  return code > 0xffff ? `\\U${hex.padStart(8, '0')}` : `\\u${hex.padStart(4, '0')}`;
}
