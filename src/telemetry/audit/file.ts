import { closeSync, fstatSync } from 'node:fs';
import { AuditUnavailable, AuditWriteFailed, fileReason, type SallyError } from '../../errors.js';
import type { Logger } from '../../log.js';
import type { ChainEnd } from './chain.js';
import { ChainWriter } from './chain-writer.js';
import { openAppending, synced, syncQuietly, tornBytes, wholeLines, writeSome } from './disk.js';
import type { AuditRecord } from './fields.js';

export interface AuditFileOptions {
  readonly file: string;
  /** Whether each line has a MAC over the one before it. */
  readonly chain: boolean;
  readonly keyFile?: string | undefined;
  /** What becomes of requests while lines cannot be written. */
  readonly onFailure: 'refuse' | 'continue';
  /** Whether lines are on the disk before anybody goes on. */
  readonly fsync: boolean;
}

/** What waits to be written. A file that takes nothing for longer than this fills is as good as one that fails. */
const mostBytes = 8_000_000;
const retryMs = 500;
/** How long the end of the program waits for what could not be written yet. */
const lastTryMs = 2_000;

/** What is written next: lines, and where a file is handed on to the next one. */
type Item = { readonly text: Buffer; readonly end: ChainEnd | undefined } | { readonly next: number };
type Line = Extract<Item, { text: Buffer }>;

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: SallyError) => void;
}

/**
 * Lines that are appended to a file, in order, and never dropped unless that is asked for: what cannot be written is kept and
 * tried again. Lines of one turn of the event loop are written together.
 */
export class AuditFile {
  readonly #options: AuditFileOptions;
  readonly #log: Logger;
  readonly #chain: ChainWriter | undefined;
  #fd: number;
  #items: Item[] = [];
  #bytes = 0;
  #waiters: Waiter[] = [];
  #writing: Promise<void> | undefined;
  #scheduled = false;
  #retry: NodeJS.Timeout | undefined;
  /** Bytes of each line that was begun when the file took no more, and whether the last of them is still open. */
  #torn: number[] = [];
  #midLine = false;
  #failing: SallyError | undefined;
  #refused = 0;
  #lostNow = 0;
  /** Of all time. */
  readonly counts = { lines: 0, failures: 0, lost: 0 };

  private constructor(options: AuditFileOptions, log: Logger, fd: number, chain: ChainWriter | undefined) {
    this.#options = options;
    this.#log = log;
    this.#fd = fd;
    this.#chain = chain;
  }

  /** @throws SALLY_AUDIT_WRITE, SALLY_AUDIT_KEY where the file or its key cannot be opened. */
  static async open(options: AuditFileOptions, log: Logger): Promise<AuditFile> {
    const { file, chain, keyFile } = options;
    const fd = openAppending(file);
    try {
      const writer = chain ? await ChainWriter.open(file, keyFile, fd, log) : undefined;
      const audit = new AuditFile(options, log, fd, writer);
      audit.#open(tornBytes(fd, fstatSync(fd)), writer?.opening ?? { because: 'the program starts' });
      await audit.#idle();
      return audit;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** Whether nothing is to be done, because the log would not show it: it cannot be written, or not as fast as requests come. */
  get barred(): boolean {
    return this.#options.onFailure === 'refuse' && (this.#failing !== undefined || this.#bytes > mostBytes);
  }

  /** Whether lines cannot be written at the moment. */
  get failing(): boolean {
    return this.#failing !== undefined;
  }

  /** Counts a request that was refused because of `barred`: of those there is no line. */
  countRefused(): void {
    this.#refused += 1;
  }

  append(record: AuditRecord): void {
    if (this.#bytes > mostBytes && this.#options.onFailure === 'continue') {
      this.#lostNow += 1;
      this.counts.lost += 1;
      return;
    }
    this.#put(record);
  }

  /** Resolves once all that was appended is written; rejects where it cannot be. */
  written(): Promise<void> {
    if (this.#failing) return Promise.reject(AuditUnavailable({}, this.#failing));
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
    });
  }

  /** Ends the file in order and goes on with the one that its path leads to now: what was renamed is whole. */
  async reopen(): Promise<void> {
    const { file } = this.#options;
    let next: number;
    try {
      next = openAppending(file);
    } catch (error) {
      const { code, message, remedy } = error as SallyError;
      this.#log.error({ code, remedy }, `${message}; the file that is open stays in use`);
      return;
    }
    const torn = tornBytes(next, fstatSync(next));
    // What fails is not waited for: it goes to the next file.
    if (this.#failing) {
      await this.#writing;
      this.#handOn(next);
    } else {
      this.#put({ time: now(), event: 'rotate' });
      this.#items.push({ next });
    }
    this.#open(torn, { because: 'SIGHUP', ...(this.#chain && { prev: this.#chain.mac }) });
    await this.#idle();
  }

  #handOn(next: number): void {
    syncQuietly(this.#fd);
    this.#chain?.writeHead(this.#fd, true);
    closeSync(this.#fd);
    this.#fd = next;
    this.#midLine = false;
  }

  /** Ends the log with a closing line. What cannot be written within two seconds is said to be lost. */
  async close(): Promise<void> {
    this.#put({ time: now(), event: 'close' });
    const until = performance.now() + lastTryMs;
    do {
      await this.#idle();
      if (this.#items.length === 0) break;
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    } while (performance.now() < until);
    clearTimeout(this.#retry);
    const { length: lines } = this.#items;
    if (lines > 0) {
      const { code, message, remedy } = AuditWriteFailed({
        path: this.#options.file,
        reason: this.#failing?.message ?? 'it takes no more',
      });
      this.#log.error({ code, remedy, lines }, `${message}; lines of it are lost with this process`);
    }
    syncQuietly(this.#fd);
    this.#chain?.writeHead(this.#fd, lines === 0);
    this.#chain?.release();
    closeSync(this.#fd);
  }

  /** The line that the log, or one file of it, begins with. */
  #open(torn: number, about: AuditRecord): void {
    // A line of its own for what was left half written.
    if (torn > 0) this.#push(Buffer.from('\n'), undefined);
    this.#put({ time: now(), event: 'open', pid: process.pid, ...about, ...(torn > 0 && { torn: [torn] }) });
  }

  #put(record: AuditRecord): void {
    const sealed = this.#chain?.seal(record);
    this.#push(Buffer.from(sealed?.line ?? `${JSON.stringify(record)}\n`), sealed?.end);
  }

  #push(text: Buffer, end: ChainEnd | undefined): void {
    this.#items.push({ text, end });
    this.#bytes += text.length;
    if (this.#scheduled || this.#writing || this.#retry) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#start();
    });
  }

  #start(): void {
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
    });
  }

  /** Resolves once nothing is being written: all is, or it fails. */
  async #idle(): Promise<void> {
    if (this.#items.length > 0) this.#start();
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    // Nothing waits, and what failed was to have it on the disk: whether that works shows with the line that says so.
    if (this.#failing && this.#items.length === 0) this.#resumed();
    while (this.#items.length > 0) {
      const items = this.#items;
      const waiters = this.#waiters;
      this.#items = [];
      this.#waiters = [];
      try {
        await this.#writeItems(items);
      } catch (thrown) {
        this.#failed(thrown, waiters);
        return;
      }
      if (this.#failing) this.#resumed();
      for (const { resolve } of waiters) resolve();
    }
    // Whoever asked after the last line was taken waits for nothing.
    for (const { resolve } of this.#waiters.splice(0)) resolve();
  }

  async #writeItems(items: readonly Item[]): Promise<void> {
    for (let at = 0; at < items.length; ) {
      const one = items[at];
      if (one && 'next' in one) {
        this.#handOn(one.next);
        at += 1;
        continue;
      }
      const handed = items.findIndex((item, i) => i > at && 'next' in item);
      const to = handed < 0 ? items.length : handed;
      await this.#writeBatch(items.slice(at, to) as Line[], items.slice(to));
      at = to;
    }
  }

  /** What of a batch is not whole in the file when it fails is put back, and `then` behind it. */
  async #writeBatch(batch: readonly Line[], then: readonly Item[]): Promise<void> {
    let left = batch;
    try {
      for (let tries = 0; ; tries += 1) {
        left = batch;
        const lines = batch.map(({ text }) => text);
        // What was begun is left behind, and begun anew.
        const before = this.#midLine ? 1 : 0;
        const bytes = Buffer.concat(before ? [Buffer.from('\n'), ...lines] : lines);
        const taken = writeSome(this.#fd, bytes);
        if (taken.error) {
          const { whole, torn } = wholeLines(batch, taken.bytes - before);
          left = batch.slice(whole);
          if (taken.bytes >= before) this.#midLine = torn > 0;
          if (torn > 0) this.#torn.push(torn);
          this.#account(batch.slice(0, whole));
          throw taken.error;
        }
        this.#midLine = false;
        const { nlink } = fstatSync(this.#fd);
        if (nlink > 0) break;
        // It was removed while it was open: what went there is nowhere.
        const { file } = this.#options;
        if (tries > 0) throw AuditWriteFailed({ path: file, reason: 'it is removed again and again' });
        this.#log.error({ path: file }, 'the audit log was removed while it was written: it is made anew');
        const next = openAppending(file);
        closeSync(this.#fd);
        this.#fd = next;
      }
    } catch (error) {
      this.#items = [...left, ...then, ...this.#items];
      throw error;
    }
    this.#account(batch);
    if (!this.#options.fsync) return;
    // Written again they would stand there twice: that they may not be on the disk is all that can be said.
    await synced(this.#fd).catch((error: unknown) => {
      this.#items = [...then, ...this.#items];
      throw error;
    });
  }

  #account(lines: readonly Line[]): void {
    this.counts.lines += lines.length;
    for (const { text, end } of lines) {
      this.#bytes -= text.length;
      if (end) this.#chain?.counts(end, () => this.#fd);
    }
  }

  #failed(thrown: unknown, waiters: readonly Waiter[]): void {
    const { file, onFailure } = this.#options;
    const error = AuditWriteFailed({ path: file, reason: reasonOf(thrown) }, thrown);
    this.counts.failures += 1;
    const first = this.#failing === undefined;
    this.#failing = error;
    const unavailable = AuditUnavailable({}, error);
    for (const { reject } of [...waiters, ...this.#waiters.splice(0)]) reject(unavailable);
    if (first) {
      const { code, message, remedy } = error;
      const then =
        onFailure === 'refuse' ? 'requests are refused until it can be' : 'requests go on without it';
      this.#log.error({ code, remedy }, `${message}; ${then}`);
    }
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      if (this.#writing === undefined) this.#start();
    }, retryMs).unref();
  }

  /** It is written again: what happened meanwhile stands in it too. */
  #resumed(): void {
    const [refused, lost, torn] = [this.#refused, this.#lostNow, this.#torn];
    const because = this.#failing?.message;
    this.#failing = undefined;
    this.#refused = 0;
    this.#lostNow = 0;
    this.#torn = [];
    this.#put({
      time: now(),
      event: 'resumed',
      because,
      refused,
      ...(lost > 0 && { lost }),
      ...(torn.length > 0 && { torn }),
    });
    this.#log.warn({ path: this.#options.file, refused, lost }, 'the audit log is written again');
  }
}

const now = (): string => new Date().toISOString();

const reasonOf = (thrown: unknown): string => {
  if (AuditWriteFailed.is(thrown)) return thrown.context.reason;
  return fileReason(thrown);
};
