/** What a stream comes out of. */
interface Source {
  /** All that came has been taken: the rest may come. */
  resume(): void;
  /** Nobody wants the rest; it may still come, so that the connection can be used again. */
  leave(): void;
  /** Nobody wants the rest: the connection ends. */
  close(): void;
}

/** The text of a reply that is under way. Its reader sets the pace: what it has not taken is not read from the connection. */
export class ReplyStream {
  readonly #source: Source;
  readonly #decoder = new TextDecoder();
  readonly #queue: Buffer[] = [];
  #take: ((text: string) => Promise<void> | void) | undefined;
  #settle: { resolve: () => void; reject: (error: unknown) => void } | undefined;
  #taking = false;
  /** How it ended: undefined while it goes on. */
  #end: { readonly error?: unknown } | undefined;

  constructor(source: Source) {
    this.#source = source;
  }

  /**
   * Hands the text over as it comes; where the reader returns a promise it is given more once that has resolved.
   * Resolves at the end of the stream, also where the reader ended it; rejects where it broke.
   */
  read(take: (text: string) => Promise<void> | void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#take = take;
      this.#settle = { resolve, reject };
      this.#flow();
      if (!this.behind) this.#source.resume();
    });
  }

  /** Whether there is what the reader has not taken. */
  get behind(): boolean {
    return this.#queue.length > 0 || this.#taking;
  }

  /** Ends it on this side: the reader is given nothing more, and the connection can be used again where the server ends it soon. */
  leave(): void {
    this.#stop({}, () => this.#source.leave());
  }

  /** Ends it on this side, and the connection with it; `error` is what reading rejects with. */
  destroy(error?: Error): void {
    this.#stop(error === undefined ? {} : { error }, () => this.#source.close());
  }

  /** More has come. */
  push(bytes: Buffer): void {
    if (this.#end !== undefined) return;
    this.#queue.push(bytes);
    this.#flow();
  }

  /** Nothing more comes: the stream has ended, or broke with an error. What came is still handed over. */
  end(how: { readonly error?: unknown }): void {
    this.#end ??= how;
    this.#flow();
  }

  #stop(how: { readonly error?: unknown }, release: () => void): void {
    const over = this.#end !== undefined;
    // What its reader cannot take is an error, also where all of it is here.
    if (!over || 'error' in how) this.#end = how;
    this.#queue.length = 0;
    if (!over) release();
    this.#flow();
  }

  #flow(): void {
    while (this.#take !== undefined && !this.#taking) {
      const bytes = this.#queue.shift();
      if (bytes === undefined) break;
      this.#hand(this.#take, this.#decoder.decode(bytes, { stream: true }));
    }
    if (this.#end === undefined || this.behind || this.#settle === undefined) return;
    if ('error' in this.#end) this.#settle.reject(this.#end.error);
    else this.#settle.resolve();
    this.#settle = undefined;
  }

  #hand(take: (text: string) => Promise<void> | void, text: string): void {
    const fail = (error: unknown) => this.#stop({ error }, () => this.#source.close());
    const next = () => {
      this.#taking = false;
      this.#flow();
      if (!this.behind && this.#end === undefined) this.#source.resume();
    };
    try {
      const taken = take(text);
      if (taken === undefined) return;
      this.#taking = true;
      taken.then(next, (error) => {
        fail(error);
        next();
      });
    } catch (error) {
      fail(error);
    }
  }
}
