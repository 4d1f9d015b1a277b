import { type Document, isMap, isNode, isScalar, type Pair, type YAMLMap, type YAMLSeq } from 'yaml';

/** Edits of a YAML text that leave everything else as it was written: what goes becomes a comment in its place. */
export class SourceEdits {
  readonly #source: string;
  readonly #edits: { readonly at: number; readonly until: number; readonly text: string }[] = [];
  readonly #gone = new Set<unknown>();

  constructor(source: string) {
    this.#source = source;
  }

  /** Whether a node has become a comment. */
  isGone(node: unknown): boolean {
    return this.#gone.has(node);
  }

  /** Makes a comment of an item of a list, below the lines of `above`. In a list in brackets the item goes. */
  commentItem(list: YAMLSeq, item: YAMLMap, above: readonly string[]): void {
    this.#gone.add(item);
    const [from, until] = rangeOf(item);
    if (list.flow) {
      this.#cut(from, until);
      return;
    }
    const dash = dashOf(list, list.items.indexOf(item)) ?? from;
    const indent = ' '.repeat(dash - this.#lineOf(dash));
    this.#insert(dash, above.map((line) => `# ${line}\n${indent}`).join(''));
    this.#comment(dash, until, indent.length);
  }

  /** Makes a comment of a key and its value. In braces both go. */
  commentPair(map: YAMLMap, pair: Pair): void {
    const [from] = rangeOf(pair.key);
    const [, until] = isNode(pair.value) && pair.value.range ? rangeOf(pair.value) : rangeOf(pair.key);
    if (map.flow) this.#cut(from, Math.max(until, rangeOf(pair.key)[1]));
    else this.#comment(from, until, from - this.#lineOf(from));
  }

  /** Says of a list at the top that nothing is left of it. */
  emptyList(document: Document, name: string): void {
    if (!isMap(document.contents)) return;
    const pair = document.contents.items.find(({ key }) => isScalar(key) && key.value === name);
    if (pair === undefined || (pair.value as YAMLSeq).flow) return;
    const colon = this.#source.indexOf(':', rangeOf(pair.key)[1]);
    this.#insert(colon + 1, ' []');
  }

  /** The text with all edits. */
  text(): string {
    let text = '';
    let at = 0;
    for (const edit of this.#edits.toSorted((a, b) => a.at - b.at)) {
      if (edit.at < at) continue;
      text += this.#source.slice(at, edit.at) + edit.text;
      at = edit.until;
    }
    return text + this.#source.slice(at);
  }

  #insert(at: number, text: string): void {
    this.#edits.push({ at, until: at, text });
  }

  /** A `#` before each line of a range: on the first where it begins, on the others at `column` or where their text begins. */
  #comment(from: number, until: number, column: number): void {
    this.#insert(from, '# ');
    const end = from + this.#source.slice(from, until).trimEnd().length;
    for (let line = this.#source.indexOf('\n', from) + 1; line > 0 && line < end; ) {
      const next = this.#source.indexOf('\n', line) + 1;
      const text = this.#source.slice(line, next === 0 ? undefined : next);
      const blank = text.length - text.trimStart().length;
      if (blank < text.length) this.#insert(line + Math.min(column, blank), '# ');
      line = next;
    }
  }

  /** Takes a part of a collection in brackets or braces out, with the comma after it, or else the one before it. */
  #cut(from: number, until: number): void {
    const after = /^\s*,\s*/.exec(this.#source.slice(until))?.[0].length;
    const before = after === undefined ? (/,\s*$/.exec(this.#source.slice(0, from))?.[0].length ?? 0) : 0;
    this.#edits.push({ at: from - before, until: until + (after ?? 0), text: '' });
  }

  /** Where the line of an offset begins. */
  #lineOf(offset: number): number {
    return this.#source.lastIndexOf('\n', offset - 1) + 1;
  }
}

function rangeOf(node: unknown): readonly [number, number] {
  const range = isNode(node) ? node.range : undefined;
  return range ? [range[0], range[1]] : [0, 0];
}

/** Where the dash of an item of a list in lines stands. */
function dashOf(list: YAMLSeq, index: number): number | undefined {
  const { srcToken } = list as { srcToken?: { items?: readonly { start: readonly Token[] }[] } };
  return srcToken?.items?.[index]?.start.find(({ type }) => type === 'seq-item-ind')?.offset;
}

interface Token {
  readonly type: string;
  readonly offset: number;
}
