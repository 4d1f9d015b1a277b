import { Tokenizer, TokenizerMode } from 'parse5';

/** What is told of an HTML text, in order. Entities in texts and attributes have been read. */
export interface HtmlVisitor {
  open(tag: string, attributes: ReadonlyMap<string, string>): void;
  close(tag: string): void;
  text(text: string): void;
  comment?(text: string): void;
}

const textModes: Readonly<Record<string, number>> = {
  title: TokenizerMode.RCDATA,
  textarea: TokenizerMode.RCDATA,
  style: TokenizerMode.RAWTEXT,
  xmp: TokenizerMode.RAWTEXT,
  iframe: TokenizerMode.RAWTEXT,
  noembed: TokenizerMode.RAWTEXT,
  noframes: TokenizerMode.RAWTEXT,
  noscript: TokenizerMode.RAWTEXT,
  script: TokenizerMode.SCRIPT_DATA,
  plaintext: TokenizerMode.PLAINTEXT,
};

/** Elements whose content is no HTML: nothing of them may come out again as HTML. */
export const rawElements: ReadonlySet<string> = new Set(Object.keys(textModes));

/** Elements without content. */
export const voidElements: ReadonlySet<string> = new Set(
  'area base br col embed frame hr img input link meta param source track wbr'.split(' '),
);

/** Reads HTML as browsers do, in time linear to it: its tokens, without a tree, whose making may take more. */
export function readHtml(text: string, visitor: HtmlVisitor): void {
  const characters = ({ chars }: { chars: string }) => visitor.text(chars);
  const tokenizer = new Tokenizer(
    {},
    {
      onStartTag({ tagName, attrs }) {
        const mode = Object.hasOwn(textModes, tagName) ? textModes[tagName] : undefined;
        if (mode !== undefined) tokenizer.state = mode as typeof tokenizer.state;
        visitor.open(tagName, new Map(attrs.map(({ name, value }) => [name, value])));
      },
      onEndTag: ({ tagName }) => visitor.close(tagName),
      onComment: ({ data }) => visitor.comment?.(data),
      onDoctype() {},
      onEof() {},
      onCharacter: characters,
      onWhitespaceCharacter: characters,
      onNullCharacter() {},
    },
  );
  tokenizer.write(text, true);
}

/** Whether there is something in a text that a browser could take for a tag. */
export const hasTags = (text: string): boolean => /<[a-z!/?]/i.test(text);

/** Elements whose content is for no reader. */
const unread = new Set(
  'script style template svg math iframe object applet embed noembed noframes noscript frameset xmp plaintext title textarea select canvas audio video'.split(
    ' ',
  ),
);

/** Keeps track of elements that are dropped with all that is in them. */
export class Dropped {
  #tag: string | undefined;
  #depth = 0;

  /** Whether what comes now is dropped. */
  get active(): boolean {
    return this.#tag !== undefined;
  }

  /** Whether the element that opens is dropped. */
  open(tag: string): boolean {
    if (this.#tag === tag) this.#depth += 1;
    if (this.#tag !== undefined) return true;
    if (!unread.has(tag)) return false;
    if (!voidElements.has(tag)) {
      this.#tag = tag;
      this.#depth = 1;
    }
    return true;
  }

  /** Whether the end of an element belongs to what is dropped. */
  close(tag: string): boolean {
    if (this.#tag === undefined) return false;
    if (this.#tag === tag) {
      this.#depth -= 1;
      if (this.#depth === 0) this.#tag = undefined;
    }
    return true;
  }
}

/** A URL as a browser reads it: without the white space and control characters that it does not see. */
export const plainUrl = (url: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what browsers leave out
  url.replace(/[\x00-\x20\u00ad\u200b-\u200f\u2028\u2029\ufeff]/g, '');

/** The scheme of a URL in small letters; undefined for a relative one. */
export const schemeOf = (url: string): string | undefined =>
  /^([a-z][a-z0-9+.-]*):/i.exec(plainUrl(url))?.[1]?.toLowerCase();
