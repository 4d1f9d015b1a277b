/** So many pieces as they came become one: each takes up some hundred bytes, also where it is a single byte. */
const maxLoose = 256;

/** Bytes that come in pieces, however small, and are wanted as one. */
export class Pieces {
  /** How many bytes there are. */
  length = 0;
  #chunks: Buffer[] = [];
  /** How many of the last ones are as they came. */
  #loose = 0;

  /** How many pieces are held: far fewer than came. */
  get held(): number {
    return this.#chunks.length;
  }

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.length += chunk.length;
    this.#loose += 1;
    if (this.#loose < maxLoose) return;
    this.#chunks.push(Buffer.concat(this.#chunks.splice(-maxLoose)));
    this.#loose = 0;
  }

  /** All of them as one piece. */
  whole(): Buffer {
    if (this.#chunks.length > 1) {
      this.#chunks = [Buffer.concat(this.#chunks)];
      this.#loose = 0;
    }
    return this.#chunks[0] ?? empty;
  }

  /** Lets go of the first bytes. */
  drop(bytes: number): void {
    const rest = this.whole().subarray(bytes);
    this.length = rest.length;
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#loose = 0;
  }
}

const empty = Buffer.alloc(0);
