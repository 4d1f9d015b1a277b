/** A part of an SQL text. White space is none. */
export interface Token {
  readonly kind: 'word' | 'name' | 'string' | 'number' | 'comment' | 'parameter' | 'sign';
  /** As it is written; a word in capitals. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** What the SQL of a database has in its own way. */
export interface Dialect {
  /** `\'` in a string is a quotation mark. */
  readonly escapes: boolean;
  /** `#` begins a comment. */
  readonly hash: boolean;
  /** `--` begins a comment only before white space. */
  readonly dashBlank: boolean;
  /** Comments within comments. */
  readonly nested: boolean;
  /** `/*! … *\/` is run. */
  readonly executable: boolean;
  /** `$tag$ … $tag$` is a string, and `E'…'` one with escapes. */
  readonly dollar: boolean;
  /** `[…]` is a name. */
  readonly brackets: boolean;
  /** `q'[…]'` is a string. */
  readonly quoted: boolean;
  /** `"…"` is a string. */
  readonly doubleString: boolean;
}

const ansi: Dialect = {
  escapes: false,
  hash: false,
  dashBlank: false,
  nested: false,
  executable: false,
  dollar: false,
  brackets: false,
  quoted: false,
  doubleString: false,
};

export const dialects = {
  ansi,
  postgresql: { ...ansi, nested: true, dollar: true },
  mysql: { ...ansi, escapes: true, hash: true, dashBlank: true, executable: true, doubleString: true },
  sqlite: { ...ansi, brackets: true },
  sqlserver: { ...ansi, nested: true, brackets: true },
  oracle: { ...ansi, quoted: true },
} as const satisfies Record<string, Dialect>;
export type DialectName = keyof typeof dialects;

const isWord = (code: number): boolean =>
  (code >= 0x30 && code <= 0x39) ||
  (code >= 0x41 && code <= 0x5a) ||
  (code >= 0x61 && code <= 0x7a) ||
  code === 0x5f ||
  code >= 0x80;
const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;

/** The tokens of a text as a database of this dialect reads them, in time linear to it. What is not closed goes to the end. */
export function tokensOf(text: string, dialect: Dialect): Token[] {
  return new Reader(text, dialect).all();
}

class Reader {
  readonly #text: string;
  readonly #dialect: Dialect;
  readonly #tokens: Token[] = [];
  #at = 0;
  /** Within a comment that is run. */
  #run = false;

  constructor(text: string, dialect: Dialect) {
    this.#text = text;
    this.#dialect = dialect;
  }

  all(): Token[] {
    while (this.#at < this.#text.length) this.#next();
    return this.#tokens;
  }

  #next(): void {
    const text = this.#text;
    const { hash, dashBlank, executable, brackets, doubleString } = this.#dialect;
    const sign = text.charAt(this.#at);
    const pair = text.slice(this.#at, this.#at + 2);
    if (/\s/.test(sign)) this.#at += 1;
    else if (this.#run && pair === '*/') {
      this.#run = false;
      this.#at += 2;
    } else if (pair === '--' && (!dashBlank || /^(\s|$)/.test(text.slice(this.#at + 2, this.#at + 3))))
      this.#line();
    else if (hash && sign === '#') this.#line();
    else if (executable && /^\/\*M?!/.test(text.slice(this.#at, this.#at + 4))) {
      this.#run = true;
      const [opening = '/*!'] = /^\/\*M?!\d{0,6}/.exec(text.slice(this.#at, this.#at + 11)) ?? [];
      this.#at += opening.length;
    } else if (pair === '/*') this.#put('comment', this.#comment());
    else if (sign === "'") this.#put('string', this.#string("'", this.#dialect.escapes));
    else if (sign === '"')
      this.#put(doubleString ? 'string' : 'name', this.#string('"', doubleString && this.#dialect.escapes));
    else if (sign === '`') this.#put('name', this.#string('`', false));
    else if (brackets && sign === '[') this.#put('name', this.#string(']', false));
    else if (sign === '$') this.#dollar();
    else if (isDigit(text.charCodeAt(this.#at))) this.#number();
    else if (isWord(text.charCodeAt(this.#at))) this.#word();
    else if (sign === '?' || ((sign === ':' || sign === '@') && isWord(text.charCodeAt(this.#at + 1))))
      this.#put('parameter', this.#wordEnd(this.#at + 1));
    else this.#put('sign', this.#at + 1);
  }

  #put(kind: Token['kind'], end: number): void {
    const text = this.#text.slice(this.#at, end);
    this.#tokens.push({ kind, text: kind === 'word' ? text.toUpperCase() : text, start: this.#at, end });
    this.#at = end;
  }

  #line(): void {
    const end = this.#text.slice(this.#at).search(/[\r\n]/);
    this.#put('comment', end === -1 ? this.#text.length : this.#at + end);
  }

  #comment(): number {
    const text = this.#text;
    const { nested } = this.#dialect;
    let depth = 1;
    let at = this.#at + 2;
    // Sign by sign: to search for the next of two each time takes time by the square of the length.
    for (; at < text.length && depth > 0; at += 1) {
      const [sign, next] = [text.charCodeAt(at), text.charCodeAt(at + 1)];
      const closes = sign === 0x2a && next === 0x2f;
      if (!closes && !(nested && sign === 0x2f && next === 0x2a)) continue;
      depth += closes ? -1 : 1;
      at += 1;
    }
    return at;
  }

  /** The end of what is quoted from here on; twice the sign is one of it. */
  #string(sign: string, escapes: boolean): number {
    const text = this.#text;
    const quote = sign.charCodeAt(0);
    for (let at = this.#at + 1; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (escapes && code === 0x5c) at += 1;
      else if (code !== quote) continue;
      else if (text.charCodeAt(at + 1) === quote) at += 1;
      else return at + 1;
    }
    return text.length;
  }

  #dollar(): void {
    const text = this.#text;
    const tag = this.#dialect.dollar
      ? /^\$([A-Za-z_\x80-\uffff][\w\x80-\uffff]{0,62})?\$/.exec(text.slice(this.#at, this.#at + 66))
      : null;
    if (tag !== null) {
      const close = text.indexOf(tag[0], this.#at + tag[0].length);
      this.#put('string', close === -1 ? text.length : close + tag[0].length);
    } else if (isWord(text.charCodeAt(this.#at + 1))) this.#put('parameter', this.#wordEnd(this.#at + 1));
    else this.#put('sign', this.#at + 1);
  }

  #number(): void {
    const [written = '0'] =
      /^(0x[\da-f]+|\d+(\.\d*)?(e[+-]?\d+)?)/i.exec(this.#text.slice(this.#at, this.#at + 400)) ?? [];
    this.#put('number', this.#at + written.length);
  }

  #word(): void {
    const end = this.#wordEnd(this.#at);
    const word = this.#text.slice(this.#at, end).toLowerCase();
    const { dollar, quoted } = this.#dialect;
    if (this.#text.charAt(end) === "'") {
      const from = this.#at;
      this.#at = end;
      let close: number | undefined;
      if (dollar && word === 'e') close = this.#string("'", true);
      else if (quoted && (word === 'q' || word === 'nq')) close = this.#quoted(end);
      else if (['n', 'b', 'x', 'u', '_utf8'].includes(word)) close = this.#string("'", this.#dialect.escapes);
      this.#at = from;
      if (close !== undefined) {
        this.#put('string', close);
        return;
      }
    }
    this.#put('word', end);
  }

  /** `q'[…]'`, where `]` may be any sign. */
  #quoted(quote: number): number {
    const open = this.#text.charAt(quote + 1);
    const closing = ({ '[': ']', '{': '}', '(': ')', '<': '>' } as Record<string, string>)[open] ?? open;
    const close = this.#text.indexOf(`${closing}'`, quote + 2);
    return close === -1 ? this.#text.length : close + 2;
  }

  #wordEnd(from: number): number {
    let end = from;
    while (end < this.#text.length && isWord(this.#text.charCodeAt(end))) end += 1;
    // PostgreSQL and Oracle have `$` within names.
    while (this.#text.charAt(end) === '$' && isWord(this.#text.charCodeAt(end + 1))) {
      end += 1;
      while (end < this.#text.length && isWord(this.#text.charCodeAt(end))) end += 1;
    }
    return end;
  }
}
