import { Dropped, readHtml, schemeOf, voidElements } from './read.js';

/** What becomes of the marks of HTML. */
export interface TextOptions {
  /** Whether headings, emphasis, links and the like are written as Markdown; else the text alone stays. */
  readonly markdown: boolean;
  readonly links: boolean;
  readonly images: boolean;
}

const blocks = new Set(
  'address article aside blockquote body center dd details dialog div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hgroup html legend li main menu nav ol p pre section summary table tbody thead tfoot tr ul'.split(
    ' ',
  ),
);
const marks: Readonly<Record<string, string>> = {
  strong: '**',
  b: '**',
  em: '*',
  i: '*',
  del: '~~',
  s: '~~',
};
const linkSchemes = new Set(['http', 'https', 'mailto', 'tel', undefined]);
const mostLists = 20;

/** HTML as Markdown or as text. */
export function htmlToText(html: string, options: TextOptions): string {
  const writer = new Writer(options);
  readHtml(html, writer);
  return writer.end();
}

class Writer {
  readonly #options: TextOptions;
  readonly #dropped = new Dropped();
  readonly #lists: { ordered: boolean; item: number }[] = [];
  #made: string[] = [];
  #newlines = 0;
  #blank = false;
  #pre = 0;
  #quotes = 0;
  #cells = 0;
  #rows = 0;
  #link: { href: string; from: number } | undefined;

  constructor(options: TextOptions) {
    this.#options = options;
  }

  open(tag: string, attributes: ReadonlyMap<string, string>): void {
    if (this.#dropped.open(tag)) return;
    const { markdown, images } = this.#options;
    if (blocks.has(tag))
      this.#break(tag === 'li' || tag === 'tr' || tag === 'dd' || this.#lists.length > 0 ? 1 : 2);
    const heading = /^h([1-6])$/.exec(tag);
    if (heading !== null) this.#mark(`${'#'.repeat(Number(heading[1]))} `);
    if (tag === 'br') this.#break(1);
    else if (tag === 'hr' && markdown) {
      this.#break(2);
      this.#put('---');
      this.#break(2);
    } else if (tag === 'pre') {
      this.#mark('```\n');
      this.#pre += 1;
    } else if (tag === 'blockquote') this.#quotes += 1;
    else if (tag === 'ul' || tag === 'ol') {
      if (this.#lists.length < mostLists) this.#lists.push({ ordered: tag === 'ol', item: 0 });
    } else if (tag === 'li') this.#item();
    else if (tag === 'table') this.#rows = 0;
    else if (tag === 'tr') this.#cells = 0;
    else if (tag === 'td' || tag === 'th') {
      this.#put(this.#cells === 0 ? (markdown ? '| ' : '') : markdown ? ' | ' : '\t');
      this.#cells += 1;
    } else if (tag === 'code' && this.#pre === 0) this.#mark('`');
    else if (Object.hasOwn(marks, tag)) this.#mark(marks[tag] ?? '');
    else if (tag === 'a') this.#openLink(attributes.get('href'));
    else if (tag === 'img' && images) this.#image(attributes);
  }

  close(tag: string): void {
    if (this.#dropped.close(tag) || voidElements.has(tag)) return;
    const { markdown } = this.#options;
    if (tag === 'a') this.#closeLink();
    else if (tag === 'pre' && this.#pre > 0) {
      this.#pre -= 1;
      if (markdown) {
        this.#break(1);
        this.#put('```');
      }
    } else if (tag === 'blockquote') this.#quotes = Math.max(0, this.#quotes - 1);
    else if (tag === 'ul' || tag === 'ol') this.#lists.pop();
    else if (tag === 'tr' && this.#cells > 0) {
      if (markdown) this.#put(' |');
      this.#rows += 1;
      if (markdown && this.#rows === 1) {
        this.#break(1);
        this.#put(`|${' --- |'.repeat(Math.min(this.#cells, 1_000))}`);
      }
      this.#cells = 0;
    } else if (tag === 'code' && this.#pre === 0) this.#mark('`');
    else if (Object.hasOwn(marks, tag)) this.#mark(marks[tag] ?? '');
    if (blocks.has(tag)) this.#break(tag === 'li' || tag === 'tr' || this.#lists.length > 0 ? 1 : 2);
  }

  text(text: string): void {
    if (this.#dropped.active) return;
    if (this.#pre > 0) this.#put(text);
    else {
      for (const [i, word] of text.split(/[ \t\r\n\f]+/).entries()) {
        if (i > 0) this.#blank = true;
        if (word !== '') this.#put(word);
      }
    }
  }

  end(): string {
    this.#closeLink();
    return this.#made.join('').trim();
  }

  /** Where the next text begins: after so many line ends at least. */
  #break(newlines: number): void {
    this.#newlines = Math.max(this.#newlines, newlines);
    this.#blank = false;
  }

  #mark(mark: string): void {
    if (this.#options.markdown) this.#put(mark);
  }

  #put(text: string): void {
    const first = this.#made.length === 0;
    const quote = this.#options.markdown ? '> '.repeat(Math.min(this.#quotes, mostLists)) : '';
    if (first) this.#made.push(quote);
    else if (this.#newlines > 0) this.#made.push('\n'.repeat(this.#newlines), quote);
    else if (this.#blank) this.#made.push(' ');
    this.#newlines = 0;
    this.#blank = false;
    this.#made.push(text);
  }

  #item(): void {
    const list = this.#lists.at(-1);
    if (list === undefined) return;
    list.item += 1;
    this.#put(`${'  '.repeat(this.#lists.length - 1)}${list.ordered ? `${list.item}.` : '-'} `);
  }

  #openLink(href: string | undefined): void {
    this.#closeLink();
    const wanted = this.#options.markdown && this.#options.links && href !== undefined;
    if (!wanted || !linkSchemes.has(schemeOf(href))) return;
    this.#put('');
    this.#link = { href, from: this.#made.length };
  }

  #closeLink(): void {
    if (this.#link === undefined) return;
    const { href, from } = this.#link;
    this.#link = undefined;
    const text = this.#made.splice(from).join('').replace(/\s+/g, ' ').trim();
    this.#made.push(text === '' ? '' : `[${text}](${href.trim().replace(/[\s()]/g, encodeURIComponent)})`);
  }

  #image(attributes: ReadonlyMap<string, string>): void {
    const alt = (attributes.get('alt') ?? '').replace(/\s+/g, ' ').trim();
    const src = attributes.get('src') ?? '';
    const scheme = schemeOf(src);
    if (!this.#options.markdown || (scheme !== undefined && scheme !== 'http' && scheme !== 'https'))
      this.#put(alt);
    else this.#put(`![${alt}](${src.trim().replace(/[\s()]/g, encodeURIComponent)})`);
  }
}
