/** What is known here of a call. */
interface Lasting {
  /** The looks that there had been as it began. */
  readonly begun: number;
  keepAlive(): void;
}

/** How often is looked within the time after which a call counts as long. */
const looksWithin = 4;

/**
 * Finds the calls that have gone on for so long: their replies become streams, so that nothing on the way takes their
 * connections for dead. There is one timer, however many calls there are, and a call notes no more than a number.
 */
export class LongCalls {
  /** The looks so far: what a call notes as it begins. */
  looks = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(calls: Iterable<Lasting>, afterMs: number) {
    this.#timer = setInterval(() => {
      this.looks += 1;
      // They stand in the order in which they began.
      for (const call of calls) {
        if (call.begun >= this.looks - looksWithin) break;
        call.keepAlive();
      }
    }, afterMs / looksWithin);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
