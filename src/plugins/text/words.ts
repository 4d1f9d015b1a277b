interface Node {
  readonly next: Map<number, Node>;
  /** Where to go on when no letter fits. */
  back: Node | undefined;
  /** How long the word is that ends here; 0: none does. */
  length: number;
  /** The next shorter word that ends here as well. */
  shorter: Node | undefined;
}

/** A word that was found: where, as the text has it. */
interface WordFound {
  readonly start: number;
  readonly end: number;
}

const newNode = (): Node => ({ next: new Map(), back: undefined, length: 0, shorter: undefined });

/**
 * Finds words of a list in texts, whatever the case, in one pass over the text however many there are (Aho and Corasick). With
 * `whole` a word does not begin or end within another.
 */
export class WordList {
  readonly #root = newNode();
  readonly #whole: boolean;
  readonly #size: number;

  constructor(words: readonly string[], { whole }: { readonly whole: boolean }) {
    this.#whole = whole;
    this.#size = words.length;
    for (const word of words) {
      let node = this.#root;
      for (const code of codesOf(word)) {
        const next = node.next.get(code) ?? newNode();
        node.next.set(code, next);
        node = next;
      }
      node.length = codesOf(word).length;
    }
    const queue = [this.#root];
    for (const node of queue) {
      for (const [code, next] of node.next) {
        let back = node.back;
        while (back !== undefined && !back.next.has(code)) back = back.back;
        next.back = back?.next.get(code) ?? (node === this.#root ? undefined : this.#root);
        next.shorter = next.back && next.back.length > 0 ? next.back : next.back?.shorter;
        queue.push(next);
      }
    }
  }

  /** Where the words are, in order of their ends. */
  *find(text: string): Generator<WordFound> {
    if (this.#size === 0) return;
    let node: Node = this.#root;
    for (let i = 0; i < text.length; i += 1) {
      const code = foldedAt(text, i);
      let next = node.next.get(code);
      while (next === undefined && node !== this.#root) {
        node = node.back ?? this.#root;
        next = node.next.get(code);
      }
      node = next ?? this.#root;
      for (let end = node.length > 0 ? node : node.shorter; end !== undefined; end = end.shorter) {
        const found = { start: i + 1 - end.length, end: i + 1 };
        if (this.#whole && !isWhole(text, found)) continue;
        yield found;
      }
    }
  }
}

/** A letter without its case: one unit for one, so that places stay. */
function foldedAt(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (code < 128) return code >= 65 && code <= 90 ? code + 32 : code;
  const lower = text.charAt(at).toLowerCase();
  return lower.length === 1 ? lower.charCodeAt(0) : code;
}

const codesOf = (word: string): number[] => Array.from({ length: word.length }, (_, i) => foldedAt(word, i));

const letter = /[\p{L}\p{N}_]/u;
const isWhole = (text: string, { start, end }: WordFound): boolean =>
  !letter.test(text.charAt(start - 1)) && !letter.test(text.charAt(end));
