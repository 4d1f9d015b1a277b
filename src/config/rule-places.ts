import { isScalar, LineCounter, parseDocument, type Scalar, visit } from 'yaml';
import type { ConfigPlace } from '../errors.js';

/**
 * Where a character of a YAML value stands in its file. `at` is where the value begins, as the file is read; `text` is the file. Asked
 * only where something is wrong there: it parses the file once more.
 */
export function placeWithin(text: string, at: ConfigPlace, value: string, offset: number): ConfigPlace {
  if (!('line' in at)) return at;
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: false, logLevel: 'silent' });
  let found: Scalar | undefined;
  visit(document, {
    Scalar(_key, node) {
      if (!isScalar(node) || !node.range) return undefined;
      const { line, col } = lines.linePos(node.range[0]);
      if (line !== at.line || col !== at.column || node.value !== value) return undefined;
      found = node;
      return visit.BREAK;
    },
  });
  if (!found?.range) return at;
  const [start, end] = found.range;
  const { line, col } = lines.linePos(start + offsetIn(text.slice(start, end), value, offset));
  return { file: at.file, line, column: col };
}

/** The offset in the source of a scalar at which the character of its value stands: quotes, escapes, indentation and folds are between. */
function offsetIn(source: string, value: string, offset: number): number {
  const header = /^(?:[|>][^\n]*\n|["'])/.exec(source)?.[0] ?? '';
  const escapes = header === '"';
  let from = header.length;
  for (let i = 0; i <= Math.min(offset, value.length - 1); i += 1) {
    const wanted = value[i];
    let length = 1;
    for (; from < source.length; from += length) {
      length = escapes ? (escapeAt(source, from)?.length ?? 1) : 1;
      const char = source[from];
      const folded = char === '\n' && (wanted === ' ' || wanted === '\n');
      // An escape stands for one character; one before the end of a line for none.
      const escaped = length > 1 && char === '\\' && source[from + 1] !== '\n';
      if (char === wanted || folded || escaped) break;
    }
    if (i === offset) break;
    from += length;
  }
  return from;
}

/** An escape of a text in double quotes (YAML 1.2, section 5.7), where one begins there. */
function escapeAt(source: string, at: number): string | undefined {
  return /^\\(?:x..|u.{4}|U.{8}|.)/s.exec(source.slice(at, at + 10))?.[0];
}
