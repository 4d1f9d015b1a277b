import { createHash } from 'node:crypto';
import { type BigIntStats, closeSync, existsSync, fstatSync, lstatSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { danglingLink, FileUnreadable, fileReason, noFolder } from '../errors.js';
import { readNow, readOpenFileSync } from '../read-file.js';

/** The files that credentials are loaded from: a certificate with its key, a bundle of CAs, or both. */
export interface CredentialFiles {
  readonly certfile?: string | undefined;
  readonly keyfile?: string | undefined;
  /** Certificate and key in one file of PKCS #12, in place of the two. */
  readonly pfx?: string | undefined;
  readonly keyfilePassword?: string | undefined;
  /** A file whose first line is the password, in place of it. */
  readonly keyfilePasswordFile?: string | undefined;
  readonly caBundle?: string | undefined;
  readonly crlFile?: string | undefined;
  /** Trusts the roots of the system, in place of a bundle. */
  readonly ca?: 'system' | undefined;
  /** Whether a CA of the bundle is trusted as it is, without the one above it. */
  readonly partialChain?: boolean | undefined;
  /** Whether the own certificate may be of a CA that the bundle has not: the bundle is for the other side. */
  readonly anyIssuer?: boolean | undefined;
}

/** What credentials are loaded by, out of settings that have more: equal, as JSON, for two that load the same. */
export function filesOf(settings: CredentialFiles): CredentialFiles {
  const { certfile, keyfile, pfx, keyfilePassword, keyfilePasswordFile, caBundle, crlFile } = settings;
  const { ca, partialChain, anyIssuer } = settings;
  const own = { certfile, keyfile, pfx, keyfilePassword, keyfilePasswordFile };
  return { ...own, caBundle, crlFile, ca, partialChain, anyIssuer };
}

/** The file that the own certificate is in. */
export const certificateFile = ({ certfile, pfx }: CredentialFiles): string | undefined => pfx ?? certfile;

/** The files of one side as they were at one time. */
export interface FileSnapshot {
  /** Equal for two snapshots exactly where all their files are. */
  readonly fingerprint: string;
  /** Whether the files are still those that were read, as far as their times say. */
  isStill(): boolean;
  /** @throws SALLY_FILE_UNREADABLE, naming the file as `what`. */
  text(path: string, what: string): string;
  /** The same, as it is. */
  bytes(path: string, what: string): Buffer;
  /** Permission bits that let others in, of a file that could be read: see `openToOthers`. */
  openToOthers(path: string): { readonly mode: number } | undefined;
}

type Found =
  | { readonly bytes: Buffer; readonly mode: number; readonly own: boolean; readonly stats: BigIntStats }
  | { readonly error: unknown };

/** The paths among `files`. */
export function pathsOf(files: CredentialFiles): readonly string[] {
  const { certfile, keyfile, pfx, keyfilePasswordFile, caBundle, crlFile } = files;
  return [certfile, keyfile, pfx, keyfilePasswordFile, caBundle, crlFile].filter(
    (path) => path !== undefined,
  );
}

/**
 * Reads all files once, in one go: on a busy machine each wait for libuv's four threads may take longer than all of the
 * reading. A file that cannot be read is an error only where its text is asked for.
 */
export function readFiles(files: CredentialFiles): FileSnapshot {
  const readAt = Date.now();
  const found = new Map<string, Found>();
  for (const path of pathsOf(files)) found.set(path, readOne(path));
  const hash = createHash('sha256');
  for (const [path, file] of found) {
    const content = 'bytes' in file ? file.bytes : Buffer.from(fileReason(file.error));
    hash.update(`${path}\0${'bytes' in file}\0${content.length}\0`).update(content);
  }
  const bytes = (path: string, what: string): Buffer => {
    const file = found.get(path);
    if (file !== undefined && 'bytes' in file) return file.bytes;
    const isGone = (file?.error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
    const reason = !isGone
      ? fileReason(file?.error)
      : isLink(path)
        ? danglingLink
        : existsSync(dirname(path))
          ? fileReason(file?.error)
          : noFolder(dirname(path));
    throw FileUnreadable({ path, what, reason }, file?.error);
  };
  return {
    fingerprint: hash.digest('hex'),
    isStill: () => [...found].every(([path, file]) => isStill(path, file, readAt)),
    bytes,
    text: (path, what) => bytes(path, what).toString('utf8'),
    openToOthers(path) {
      const file = found.get(path);
      if (file === undefined || !('bytes' in file) || !openToOthers(file)) return undefined;
      return { mode: file.mode };
    },
  };
}

/**
 * Whether others than this user may use a file that is to be its own. One that belongs to another user, as a mounted
 * secret of Kubernetes does (`fsGroup`), is read by way of its group: that is no finding.
 */
export function openToOthers({ mode, own }: { readonly mode: number; readonly own: boolean }): boolean {
  return (mode & (own ? 0o077 : 0o037)) !== 0;
}

/**
 * Reads the files until two reads give the same, a pause apart: what is being written just then is never taken. A
 * file that was cut between two certificates looks whole. Files that are as `known` has them need no second look.
 */
export async function readSettled(
  files: CredentialFiles,
  options: { readonly known: readonly string[]; readonly pauseMs: number; readonly tries: number },
): Promise<FileSnapshot> {
  let last = readFiles(files);
  for (let i = 0; i < options.tries && !options.known.includes(last.fingerprint); i += 1) {
    await wait(options.pauseMs);
    const next = readFiles(files);
    if (next.fingerprint === last.fingerprint) return next;
    last = next;
  }
  return last;
}

/** Whether there is a link of that name, wherever it leads. */
function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

function readOne(path: string): Found {
  try {
    const file = openSync(path, readNow);
    try {
      const stats = fstatSync(file, { bigint: true });
      const { mode, uid } = stats;
      const own = Number(uid) === process.geteuid?.();
      return { bytes: readOpenFileSync(file), mode: Number(mode) & 0o777, own, stats };
    } finally {
      closeSync(file);
    }
  } catch (error) {
    return { error };
  }
}

/**
 * Times of files are as coarse as the clock tick of the kernel, or two seconds on some file systems: of one that had
 * changed so shortly before it was read they say nothing, for it may have changed again since.
 */
const coarsestClockMs = 2_000;

/** A link that leads elsewhere now, a renamed file and one that was written in place all show here. */
function isStill(path: string, file: Found, readAt: number): boolean {
  if (!('stats' in file)) return false;
  const then = file.stats;
  if (readAt - Number(then.mtimeMs) < coarsestClockMs || readAt - Number(then.ctimeMs) < coarsestClockMs)
    return false;
  try {
    const now = statSync(path, { bigint: true });
    const fields = ['dev', 'ino', 'size', 'mtimeNs', 'ctimeNs'] as const;
    return fields.every((field) => now[field] === then[field]);
  } catch {
    return false;
  }
}
