import type { KeyObject } from 'node:crypto';
import { fstatSync } from 'node:fs';
import { fileReason } from '../../errors.js';
import type { Logger } from '../../log.js';
import { type ChainEnd, newChain, sealed } from './chain.js';
import type { AuditRecord } from './fields.js';
import { continuationOf, type HeldHead, holdHead } from './heads.js';
import { openAuditKey } from './key.js';

/** How far a head is behind its chain at most. */
const headEveryMs = 100;

/** The chain of one process in a log: seals its lines, and has them counted beside it. */
export class ChainWriter {
  readonly #file: string;
  readonly #key: KeyObject;
  readonly #head: HeldHead;
  readonly #log: Logger;
  #end: ChainEnd;
  /** The last line that is in the file. */
  #written: ChainEnd | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** What its opening line says of what was before. */
  readonly opening: AuditRecord;

  private constructor(file: string, fd: number, key: KeyObject, head: HeldHead, log: Logger) {
    this.#file = file;
    this.#key = key;
    this.#head = head;
    this.#log = log;
    const { before, worker } = head;
    const found = continuationOf(before, fd, key);
    if (found.kind === 'goes on') {
      this.#end = found.end;
      this.opening = { because: 'the program starts', prev: found.end.mac };
      return;
    }
    const { because, suspicious } = found;
    this.#end = newChain(worker);
    this.opening = {
      because,
      ...(before && before.seq > 0 && { after: { chain: before.chain, seq: before.seq } }),
    };
    if (suspicious)
      log.error(
        { path: file },
        `a new chain of the audit log begins: ${because}. Keep the file, and look at it: sallyport audit verify`,
      );
  }

  /** @throws SALLY_AUDIT_KEY, SALLY_AUDIT_WRITE where its key or its head cannot be had. */
  static async open(
    file: string,
    keyFile: string | undefined,
    fd: number,
    log: Logger,
  ): Promise<ChainWriter> {
    const key = openAuditKey(file, keyFile, fstatSync(fd).size === 0, log);
    return new ChainWriter(file, fd, key, await holdHead(file, key), log);
  }

  /** The `mac` of the last line that was sealed. */
  get mac(): string {
    return this.#end.mac;
  }

  seal(record: AuditRecord): { readonly line: string; readonly end: ChainEnd } {
    const made = sealed(record, this.#end, this.#key);
    this.#end = made.end;
    return made;
  }

  /** A line is in the file that `fd` is open at. */
  counts(end: ChainEnd, fd: () => number): void {
    this.#written = end;
    this.#timer ??= setTimeout(() => this.writeHead(fd(), false), headEveryMs).unref();
  }

  /** Has the lines counted that are written. `closed`: the last of them closes the chain, or hands it on. */
  writeHead(fd: number, closed: boolean): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#written === undefined) return;
    try {
      const { ino, size } = fstatSync(fd);
      this.#head.write(this.#written, { ino, size }, closed);
    } catch (error) {
      this.#log.error(
        { path: this.#file, error: fileReason(error) },
        'the head of the audit log was not written: lines that are missing at its end would not show',
      );
    }
  }

  release(): void {
    this.#head.release();
  }
}
