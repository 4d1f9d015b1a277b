/** How long a request may take, and the setting that says so, where one does. */
export interface TimeLimit {
  readonly ms: number;
  readonly setting?: string | undefined;
}

/** What every request of one server may take. */
export interface TimeLimits {
  /** Without a sign of life. */
  readonly silent: TimeLimit;
  /** In all, whatever it shows of life. Absent: ten minutes, or as long as `silent` where that is longer. */
  readonly total?: TimeLimit | undefined;
}

const defaultTotalMs = 600_000;
const defaultTotal = 'max_total_timeout';

/**
 * The deadline of one request: it moves with each sign of life, but not beyond what the request may take in all. While the
 * client is asked something the time stands still, for that has a deadline of its own.
 */
export class Deadline {
  readonly #silent: TimeLimit;
  readonly #total: TimeLimit;
  readonly #onLate: (limit: TimeLimit) => void;
  /** When it began; later by as long as it stood still. */
  #from = performance.now();
  #stoppedAt = 0;
  #timer: NodeJS.Timeout | undefined;
  /** What it is that ends next. */
  #next: TimeLimit;

  constructor(limits: TimeLimits, own: TimeLimit | undefined, onLate: (limit: TimeLimit) => void) {
    const silent = own ?? limits.silent;
    this.#silent = silent;
    this.#total =
      limits.total ?? (silent.ms > defaultTotalMs ? silent : { ms: defaultTotalMs, setting: defaultTotal });
    this.#onLate = onLate;
    this.#next = silent;
    this.#begin();
  }

  /** The server is at work. */
  alive(): void {
    if (this.#timer === undefined || this.#next !== this.#silent) return;
    if (this.#left() > this.#silent.ms) this.#timer.refresh();
    else this.#begin();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#stoppedAt = performance.now();
  }

  goOn(): void {
    this.#from += performance.now() - this.#stoppedAt;
    this.#begin();
  }

  #left(): number {
    return this.#from + this.#total.ms - performance.now();
  }

  #begin(): void {
    clearTimeout(this.#timer);
    const left = this.#left();
    this.#next = left < this.#silent.ms ? this.#total : this.#silent;
    const ms = Math.max(1, Math.min(left, this.#silent.ms));
    this.#timer = setTimeout(this.#onLate, ms, this.#next);
  }
}
