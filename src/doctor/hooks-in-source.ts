import { hookMeant, hookRow } from '../hooks/index.js';

/** What the source of a plugin says of its hooks, as far as reading can tell. */
export interface HooksRead {
  /** The names within `hooks: { … }`. */
  readonly named: readonly string[];
  /** Whether those are all, and all of one place: none is spread into it, computed, or made elsewhere. */
  readonly whole: boolean;
  /** A name in the place of a hook that is near one of the contract, which itself is nowhere. */
  readonly misspelt?: string | undefined;
  /** Every word and every text that is one word. */
  readonly words: ReadonlySet<string>;
}

/**
 * Reads the hooks of a plugin off its source: which it has is else known only once it is set up, which nobody does to find
 * out. `sources` are those of its module and of what that imports of its own.
 */
export function readHooks(sources: readonly string[]): HooksRead {
  const texts = sources.map(tokensOf);
  const lists = texts.flatMap((tokens) =>
    tokens.flatMap((_, i) => {
      const at = listAt(tokens, i);
      return at === undefined ? [] : [keysAt(tokens, at)];
    }),
  );
  const words = new Set(texts.flat().flatMap(({ kind, text }) => (kind === 'mark' ? [] : [text])));
  const foreign = words.has('foreignHooks');
  const named = [...new Set(lists.flatMap(({ keys }) => keys))];
  const misspelt =
    named.find((name) => hookMeant(name) !== undefined) ??
    (foreign
      ? undefined
      : texts.map((tokens) => misspeltIn(tokens, words)).find((name) => name !== undefined));
  return {
    named,
    whole: lists.length === 1 && lists.every(({ whole }) => whole) && !foreign,
    misspelt,
    words,
  };
}

interface Token {
  readonly kind: 'word' | 'text' | 'mark';
  readonly text: string;
}

/** What a hook's name begins with, in whatever way it is written. */
const hookLike = /^(?:tool|prompt|resource|agent|http)s?[_A-Z]\w{4,40}$/;

/** A name that stands where members of objects and classes are named, near a hook that is nowhere. */
function misspeltIn(tokens: readonly Token[], words: ReadonlySet<string>): string | undefined {
  return tokens.find((token, i) => {
    const { kind, text } = token;
    if (kind === 'mark' || !hookLike.test(text) || !names(tokens, i)) return false;
    const meant = hookMeant(text);
    return meant !== undefined && !words.has(meant);
  })?.text;
}

/** Whether a token is the name of a member, or is given a value: `x: `, `x = `, `x(…) {`, `x,`. */
function names(tokens: readonly Token[], i: number): boolean {
  const [before, after] = [tokens[i - 1]?.text ?? '', tokens[i + 1]?.text ?? ''];
  if (before === '.' && after !== '=') return false;
  if (after === ':' || after === '=') return true;
  if (after === ']') return tokens[i + 2]?.text === '=' || tokens[i + 2]?.text === ':';
  if (after === '(') return tokens[closing(tokens, i + 1) + 1]?.text === '{';
  return ['{', ','].includes(before) && [',', '}'].includes(after) && tokens[i]?.kind === 'word';
}

/** Where the list begins that a token `hooks` is given: `hooks: {`, `hooks = {`, `hooks: Hooks = {`. */
function listAt(tokens: readonly Token[], i: number): number | undefined {
  if (tokens[i]?.text !== 'hooks' || tokens[i]?.kind === 'mark') return undefined;
  let at = i + 1;
  if (tokens[at]?.text !== ':' && tokens[at]?.text !== '=') return undefined;
  // The type that TypeScript has in between.
  if (tokens[at]?.text === ':' && tokens[at + 1]?.kind === 'word') {
    at += 1;
    while (tokens[at]?.kind === 'word' || ['.', '<', '>', ','].includes(tokens[at]?.text ?? '')) at += 1;
    if (tokens[at]?.text !== '=') return undefined;
  }
  return tokens[at + 1]?.text === '{' ? at + 1 : undefined;
}

/** The names of the members of an object, which begins at a brace, and whether all of them are names. */
function keysAt(
  tokens: readonly Token[],
  start: number,
): { readonly keys: string[]; readonly whole: boolean } {
  const keys: string[] = [];
  const end = closing(tokens, start);
  let whole = true;
  for (let at = start + 1; at < end; ) {
    while (['async', '*', 'get'].includes(tokens[at]?.text ?? '') && !isKeyEnd(tokens[at + 1])) at += 1;
    const token = tokens[at];
    if (token !== undefined && token.kind !== 'mark' && isKeyEnd(tokens[at + 1])) keys.push(token.text);
    else whole = false;
    while (at < end && tokens[at]?.text !== ',')
      at = isOpening(tokens[at]) ? closing(tokens, at) + 1 : at + 1;
    at += 1;
  }
  return { keys, whole };
}

const isKeyEnd = (token: Token | undefined) => [':', '(', ',', '}'].includes(token?.text ?? '');
const isOpening = (token: Token | undefined) => token?.kind === 'mark' && '{[('.includes(token.text);
const isClosing = (token: Token | undefined) => token?.kind === 'mark' && '}])'.includes(token.text);

/** Where what begins at a bracket ends. */
function closing(tokens: readonly Token[], start: number): number {
  let depth = 0;
  for (let at = start; at < tokens.length; at += 1) {
    if (isOpening(tokens[at])) depth += 1;
    else if (isClosing(tokens[at]) && --depth === 0) return at;
  }
  return tokens.length;
}

const parts =
  /\/\/[^\n]*|\/\*.*?\*\/|(["'])((?:\\.|(?!\1)[^\\\n])*)\1|`(?:\\.|[^\\`])*`|\s+|[\w$]+|=>|\.\.\.|./gs;

/** Where a slash begins a regular expression: after what no value ends with. */
const beforeValue = /^(?:[=(,:[!&|?{};+*%<>~^-]|=>|return|typeof|case|in|of)$/;
const expression = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/\w*/y;

/** The words, texts and marks of a source, without comments, templates, numbers and regular expressions. */
function tokensOf(source: string): readonly Token[] {
  const tokens: Token[] = [];
  parts.lastIndex = 0;
  for (let found = parts.exec(source); found !== null; found = parts.exec(source)) {
    const [whole, quote, inner = ''] = found;
    if (/^(?:\s|\/\/|\/\*)/.test(whole)) continue;
    if (whole === '/' && beforeValue.test(tokens.at(-1)?.text ?? '=')) {
      expression.lastIndex = found.index;
      if (expression.test(source)) {
        parts.lastIndex = expression.lastIndex;
        tokens.push({ kind: 'mark', text: '//' });
        continue;
      }
    }
    if (quote !== undefined) tokens.push({ kind: 'text', text: inner });
    else if (whole.startsWith('`') && whole.length > 1) tokens.push({ kind: 'mark', text: '``' });
    else tokens.push({ kind: /^[\w$]/.test(whole) ? 'word' : 'mark', text: whole });
  }
  return tokens;
}

/** What a source imports of its own: `./other.js`. */
export function ownImports(source: string): readonly string[] {
  const found = source.matchAll(/(?:\bfrom|\bimport|\brequire)\s*\(?\s*(["'])(\.{1,2}\/[^"'\n]+)\1/g);
  return [...found].map(([, , path = '']) => path);
}

/** A hook of the list that the contract does not have, and nothing near it. */
export const unknownIn = ({ named, words }: HooksRead): string | undefined =>
  words.has('foreignHooks')
    ? undefined
    : named.find((name) => hookRow(name) === undefined && hookMeant(name) === undefined);
