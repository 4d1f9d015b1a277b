import { FilterPeerMissing } from '../../errors.js';

/** How long a text is, and where a beginning of it of some size ends. */
export interface Measure {
  /** What is counted, in words. */
  readonly unit: 'characters' | 'tokens';
  size(text: string): number;
  /** Where the longest beginning of a text that has at most this size ends. */
  end(text: string, size: number): number;
}

/** Code points: what people and ContextForge count as characters. */
export const characters: Measure = {
  unit: 'characters',
  size: codePoints,
  end: afterCodePoints,
};

/** So many characters a token: no more than an estimate, which for English is near the truth. */
export const estimatedTokens = (charactersPerToken: number): Measure => ({
  unit: 'tokens',
  size: (text) => Math.floor(codePoints(text) / charactersPerToken),
  end: (text, size) => afterCodePoints(text, (size + 1) * charactersPerToken - 1),
});

/** The encodings that can be counted. */
export const encodings = ['o200k_base', 'cl100k_base'] as const;

/** What is used of the tokenizer. */
interface Encoding {
  encode(text: string): number[];
  decode(tokens: readonly number[]): string;
}

/**
 * The tokens of an encoding, by `gpt-tokenizer`, which has to be installed beside this package. Its time grows faster than the
 * length of what has no blanks: it is given pieces, which may count a token more where one is cut.
 *
 * @throws SALLY_FILTER_PEER where it is not installed.
 */
export async function countedTokens(plugin: string, encoding: (typeof encodings)[number]): Promise<Measure> {
  const { encode, decode } = await loadEncoding(plugin, encoding);
  const tokensOf = (text: string) => encode(text);
  return {
    unit: 'tokens',
    size: (text) => {
      let size = 0;
      for (const piece of pieces(text)) size += tokensOf(piece).length;
      return size;
    },
    end: (text, size) => {
      let left = size;
      let at = 0;
      for (const piece of pieces(text)) {
        const tokens = tokensOf(piece);
        if (tokens.length > left) {
          for (let n = left; n > 0; n -= 1) {
            // A token may end within a character.
            const beginning = decode(tokens.slice(0, n));
            if (piece.startsWith(beginning)) return at + beginning.length;
          }
          return at;
        }
        left -= tokens.length;
        at += piece.length;
      }
      return at;
    },
  };
}

async function loadEncoding(plugin: string, encoding: (typeof encodings)[number]): Promise<Encoding> {
  try {
    const loaded =
      encoding === 'o200k_base'
        ? await import('gpt-tokenizer/encoding/o200k_base')
        : await import('gpt-tokenizer/encoding/cl100k_base');
    // What looks like a mark of the model is text here like any other.
    const asText = { disallowedSpecial: new Set<string>() };
    return { encode: (text) => loaded.encode(text, asText), decode: (tokens) => loaded.decode(tokens) };
  } catch (error) {
    const install = 'gpt-tokenizer';
    throw FilterPeerMissing({ plugin, needs: `tokenizer: ${encoding}`, install }, error);
  }
}

const pieceLength = 500;

/** A text in pieces, cut before a blank where there is one. */
function* pieces(text: string): Generator<string> {
  let at = 0;
  while (text.length - at > pieceLength) {
    const blank = text.lastIndexOf(' ', at + pieceLength);
    const end = blank > at ? blank : whole(text, at + pieceLength);
    yield text.slice(at, end);
    at = end;
  }
  if (at < text.length) yield text.slice(at);
}

/** The place itself, or the one before it where it is within a character. */
export const whole = (text: string, at: number): number =>
  at > 0 && isLow(text.charCodeAt(at)) && isHigh(text.charCodeAt(at - 1)) ? at - 1 : at;

const isHigh = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
const isLow = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff;

function codePoints(text: string): number {
  let pairs = 0;
  for (let at = 1; at < text.length; at += 1) {
    if (isLow(text.charCodeAt(at)) && isHigh(text.charCodeAt(at - 1))) pairs += 1;
  }
  return text.length - pairs;
}

function afterCodePoints(text: string, count: number): number {
  let at = 0;
  for (let n = 0; n < count && at < text.length; n += 1) {
    at += isHigh(text.charCodeAt(at)) && isLow(text.charCodeAt(at + 1)) ? 2 : 1;
  }
  return at;
}
