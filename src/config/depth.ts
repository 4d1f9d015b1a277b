import { Lexer } from 'yaml';
import { maxDepth } from '../json/index.js';

/**
 * The offset at which YAML text nests deeper than `maxDepth`, if it does. Asked before parsing, because
 * the parser recurses: some thousand brackets end the process in V8's regular expression compiler, which
 * no `catch` sees. Counts flow brackets, and block indicators that stand further right than those around.
 */
export function tooDeepAt(text: string): number | undefined {
  const blocks: number[] = [];
  let flow = 0;
  let offset = 0;
  let lineStart = 0;
  let base = 0;
  let newLine = true;
  let newBase = true;
  let scalar = false;
  for (const lexeme of new Lexer().lex(text)) {
    if (lexeme === '\u001f') {
      scalar = true;
      continue;
    }
    if (lexeme === '\u0002' || lexeme === '\u0018') continue;
    const column = offset - lineStart;
    if (newBase && lexeme.trim() !== '') {
      if (newLine && flow === 0) while ((blocks.at(-1) ?? -1) >= column) blocks.pop();
      base = column;
      newLine = false;
      newBase = false;
    }
    if (!scalar) {
      if (lexeme === '[' || lexeme === '{') flow += 1;
      else if (lexeme === ']' || lexeme === '}') flow = Math.max(0, flow - 1);
      else if (flow === 0 && (lexeme === '-' || lexeme === '?')) {
        blocks.push(column);
        newBase = true;
      } else if (flow === 0 && lexeme === ':') blocks.push(base);
      else if (lexeme === '---' || lexeme === '...') blocks.length = 0;
      if (blocks.length + flow > maxDepth) return offset;
    }
    scalar = false;
    offset += lexeme.length;
    const newline = lexeme.lastIndexOf('\n');
    if (newline >= 0) {
      lineStart = offset - lexeme.length + newline + 1;
      newLine = true;
      newBase = true;
    }
  }
  return undefined;
}
