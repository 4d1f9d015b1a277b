import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { FileUnreadable, fileReason } from '../errors.js';

/** The files that credentials are loaded from: a certificate with its key, a bundle of CAs, or both. */
export interface CredentialFiles {
  readonly certfile?: string | undefined;
  readonly keyfile?: string | undefined;
  readonly keyfilePassword?: string | undefined;
  readonly caBundle?: string | undefined;
  readonly crlFile?: string | undefined;
}

/** The files of one side as they were at one time. */
export interface FileSnapshot {
  /** Equal for two snapshots exactly where all their files are. */
  readonly fingerprint: string;
  /** @throws SALLY_FILE_UNREADABLE, naming the file as `what`. */
  text(path: string, what: string): string;
  /** Permission bits that let others in, of a file that could be read: see `openToOthers`. */
  openToOthers(path: string): { readonly mode: number } | undefined;
}

type Found =
  | { readonly text: string; readonly mode: number; readonly own: boolean }
  | { readonly error: unknown };

/** A bundle of every CA of the web has less than a tenth of it. */
const maxBytes = 16_000_000;

/** The paths among `files`. */
export function pathsOf({ certfile, keyfile, caBundle, crlFile }: CredentialFiles): readonly string[] {
  return [certfile, keyfile, caBundle, crlFile].filter((path) => path !== undefined);
}

/** Reads all files once. A file that cannot be read is an error only where its text is asked for. */
export async function readFiles(files: CredentialFiles): Promise<FileSnapshot> {
  const found = new Map<string, Found>();
  for (const path of pathsOf(files)) found.set(path, await readOne(path));
  const hash = createHash('sha256');
  for (const [path, file] of found) {
    const content = 'text' in file ? file.text : fileReason(file.error);
    hash.update(`${path}\0${'text' in file}\0${Buffer.byteLength(content)}\0${content}`);
  }
  return {
    fingerprint: hash.digest('hex'),
    text(path, what) {
      const file = found.get(path);
      if (file !== undefined && 'text' in file) return file.text;
      throw FileUnreadable({ path, what, reason: fileReason(file?.error) }, file?.error);
    },
    openToOthers(path) {
      const file = found.get(path);
      if (file === undefined || !('text' in file) || !openToOthers(file)) return undefined;
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
  options: { readonly known: string; readonly pauseMs: number; readonly tries: number },
): Promise<FileSnapshot> {
  let last = await readFiles(files);
  for (let i = 0; i < options.tries && last.fingerprint !== options.known; i += 1) {
    await wait(options.pauseMs);
    const next = await readFiles(files);
    if (next.fingerprint === last.fingerprint) return next;
    last = next;
  }
  return last;
}

async function readOne(path: string): Promise<Found> {
  try {
    // Without O_NONBLOCK, opening a named pipe waits for a writer for ever.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const { mode, size, uid } = await file.stat();
      if (size > maxBytes) return { error: { message: `it has ${size} bytes` } };
      return { text: await file.readFile('utf8'), mode: mode & 0o777, own: uid === process.geteuid?.() };
    } finally {
      await file.close();
    }
  } catch (error) {
    return { error };
  }
}
