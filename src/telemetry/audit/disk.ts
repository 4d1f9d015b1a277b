import {
  constants,
  fchmodSync,
  fdatasync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  type Stats,
  writeSync,
} from 'node:fs';
import { AuditWriteFailed, fileReason } from '../../errors.js';

const openFlags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT;

/** @throws SALLY_AUDIT_WRITE */
export function openAppending(path: string): number {
  try {
    const fd = openSync(path, openFlags, 0o600);
    const found = fstatSync(fd);
    if (found.isFile() && (found.mode & 0o077) !== 0) fchmodSync(fd, 0o600);
    return fd;
  } catch (error) {
    throw AuditWriteFailed({ path, reason: fileReason(error) }, error);
  }
}

/** How many bytes stand after the last line end: those of a line that a crash has left half written. */
export function tornBytes(fd: number, { size, ...found }: Stats): number {
  if (size === 0 || found.nlink === 0) return 0;
  const piece = Buffer.alloc(Math.min(size, 64 * 1024));
  readSync(fd, piece, 0, piece.length, size - piece.length);
  return piece.length - 1 - piece.lastIndexOf(0x0a);
}

/**
 * Writes until all is written or the file takes no more. At once, as the log is: what goes to the system takes a few
 * microseconds, and another thread ten times that.
 */
export function writeSome(fd: number, bytes: Buffer): { readonly bytes: number; readonly error?: unknown } {
  let at = 0;
  while (at < bytes.length) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      return { bytes: at, error };
    }
  }
  return { bytes: at };
}

/** How many lines of a batch so many bytes are, and how many bytes of the next. */
export function wholeLines(batch: readonly { readonly text: Buffer }[], bytes: number) {
  let whole = 0;
  let left = bytes;
  for (const { text } of batch) {
    if (left < text.length) break;
    left -= text.length;
    whole += 1;
  }
  return { whole, torn: left };
}

/** Resolves once what was written is on the disk. */
export function synced(fd: number): Promise<void> {
  return new Promise((resolve, reject) => fdatasync(fd, (error) => (error ? reject(error) : resolve())));
}

/** What is no file on a disk cannot be synced. */
export function syncQuietly(fd: number): void {
  try {
    fsyncSync(fd);
  } catch {
    // It is written all the same.
  }
}
