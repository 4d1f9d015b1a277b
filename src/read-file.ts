import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { fileRefused, pipeUnwritten } from './errors.js';

/**
 * How every file that a user names is read: a named pipe that nobody writes to, and a device that never ends, are errors at
 * once, where `readFile` of `node:fs` waits for ever.
 */

/** Without O_NONBLOCK, opening a named pipe waits for a writer. */
export const readNow = constants.O_RDONLY | constants.O_NONBLOCK;

/** More than any file of settings, keys or certificates has; a bundle of every CA of the web has less than a tenth of it. */
const mostBytes = 16_000_000;
const pieceBytes = 65_536;

/** How long whoever writes to a pipe may take between two pieces: `<(…)` of a shell runs a program first. */
const pipeMs = 30_000;
const pipeLookMs = 20;
/** How long it may take until it is there, where a script has begun it a moment ago. */
const writerMs = 200;

const tooLarge = (most: number) => `it has more than ${most} bytes`;

/** Whether reading has ended because there are more bytes than there may be. */
export const isTooLarge = (error: unknown): boolean =>
  /^it has more than \d+ bytes$/.test((error as Error | undefined)?.message ?? '');

/** The text of a file. Throws what `fileReason` has the words for. */
export async function readFileText(path: string): Promise<string> {
  return (await readFileBytes(path)).toString('utf8');
}

/** The bytes of a file, of which there may be `most`. Throws what `fileReason` has the words for. */
export async function readFileBytes(path: string, most?: number): Promise<Buffer> {
  return (await readFileFound(path, most)).bytes;
}

/** The same, with what the open file says of itself. */
export async function readFileFound(path: string, most = mostBytes): Promise<Stats & { bytes: Buffer }> {
  const handle = await open(path, readNow);
  try {
    const found = await handle.stat();
    return Object.assign(found, { bytes: await readOpenFile(handle, found.isFIFO(), most) });
  } finally {
    await handle.close();
  }
}

async function readOpenFile(handle: FileHandle, isPipe: boolean, most: number): Promise<Buffer> {
  const read = new Pieces(isPipe, most);
  for (let waited = 0; ; ) {
    const piece = Buffer.allocUnsafe(pieceBytes);
    const bytes = await handle.read(piece, 0, pieceBytes, null).then(
      ({ bytesRead }) => bytesRead,
      (error: unknown) => whereNothingYet(error, isPipe),
    );
    if (bytes === 0 && (!read.isUnwritten || waited >= writerMs)) return read.whole();
    if (bytes) {
      read.add(piece.subarray(0, bytes));
      waited = 0;
      continue;
    }
    if (waited >= pipeMs)
      throw fileRefused(`it is a pipe, and nothing comes out of it for ${pipeMs / 1000} s`);
    await wait(pipeLookMs);
    waited += pipeLookMs;
  }
}

/** The bytes of a file, without a pause between them: what is still being written to a pipe is not waited for. */
export function readFileBytesSync(path: string): Buffer {
  const file = openSync(path, readNow);
  try {
    return readOpenFileSync(file);
  } finally {
    closeSync(file);
  }
}

/** The same of a file that is open already, with `O_NONBLOCK`. */
export function readOpenFileSync(file: number): Buffer {
  const isPipe = fstatSync(file).isFIFO();
  const read = new Pieces(isPipe, mostBytes);
  for (;;) {
    const piece = Buffer.allocUnsafe(pieceBytes);
    const bytes = readSome(file, piece, isPipe);
    if (bytes === 0) return read.whole();
    if (bytes === undefined) throw fileRefused('it is a pipe, and is not written to its end');
    read.add(piece.subarray(0, bytes));
  }
}

function readSome(file: number, piece: Buffer, isPipe: boolean): number | undefined {
  try {
    return readSync(file, piece, 0, pieceBytes, null);
  } catch (error) {
    return whereNothingYet(error, isPipe);
  }
}

/** Undefined where a pipe has a writer that has written nothing yet. */
function whereNothingYet(error: unknown, isPipe: boolean): undefined {
  if (!isPipe || (error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
}

/** What has been read so far. */
class Pieces {
  readonly #pieces: Buffer[] = [];
  readonly #isPipe: boolean;
  readonly #most: number;
  #length = 0;

  constructor(isPipe: boolean, most: number) {
    this.#isPipe = isPipe;
    this.#most = most;
  }

  add(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#length += piece.length;
    if (this.#length > this.#most) throw fileRefused(tooLarge(this.#most));
  }

  /** Of a pipe that ends before anything has come, there is no writer. */
  get isUnwritten(): boolean {
    return this.#isPipe && this.#length === 0;
  }

  whole(): Buffer {
    if (this.isUnwritten) throw fileRefused(pipeUnwritten);
    return Buffer.concat(this.#pieces, this.#length);
  }
}
