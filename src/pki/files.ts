import { randomBytes } from 'node:crypto';
import { chown, link, mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { CertsBusy, CertWriteFailed, FileUnreadable, fileReason, type SallyError } from '../errors.js';
import { isAlive, type LockFile, locked } from '../lock.js';
import { readFileFound } from '../read-file.js';

/** A file that was there: its text and its permission bits, from the same open file. */
export interface FoundFile {
  readonly path: string;
  readonly text: string;
  readonly mode: number;
  readonly mtime: Date;
}

/** The file, or undefined where there is none. Anything else in the way is an error. */
export async function readIfExists(path: string): Promise<FoundFile | undefined> {
  try {
    const { bytes, mode, mtime } = await readFileFound(path);
    return { path, text: bytes.toString('utf8'), mode: mode & 0o777, mtime };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw FileUnreadable({ path, what: 'the file', reason: fileReason(error) }, error);
  }
}

/** A file to be made: `mode` is what it has from its first instant on, whatever the umask. */
export interface NewFile {
  readonly path: string;
  readonly mode: number;
  readonly text: string;
}

export const publicFile = (path: string, text: string): NewFile => ({ path, mode: 0o644, text });
export const privateFile = (path: string, text: string): NewFile => ({ path, mode: 0o600, text });

/** The results of all, which end before the first failure is thrown: nothing is being written any more by then. */
export async function allDone<T>(under: readonly Promise<T>[]): Promise<T[]> {
  const outcomes = await Promise.allSettled(under);
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
}

/**
 * Makes the files, in this order, each whole and only where nothing of its name exists. They are first
 * written beside their names, all of them, so that a full disk shows before the first name is taken.
 *
 * @returns the paths made. It stops at the first name that another run has taken in the meantime: the files
 * after it may not fit what is there now.
 * @throws SALLY_CERT_WRITE
 */
export async function publish(files: readonly NewFile[]): Promise<readonly string[]> {
  const staged: string[] = [];
  const made: string[] = [];
  try {
    for (const file of files) staged.push(await stage(file));
    for (const [i, file] of files.entries()) {
      if (!(await claim(staged[i] ?? '', file.path))) break;
      made.push(file.path);
    }
    return made;
  } finally {
    await Promise.all(staged.map(discard));
  }
}

/**
 * Removes what killed runs left beside the files of `folder`. A process number may be another's by now, or
 * one of another container: then the leftover stays, and a living run whose file is taken from it starts over.
 */
export async function sweep(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  const left = names.filter((name) => {
    const pid = /^\..+\.(\d+)\.[0-9a-f]{16}\.tmp$/.exec(name)?.[1];
    return pid !== undefined && !isAlive(Number(pid));
  });
  await Promise.all(left.map((name) => discard(join(folder, name))));
}

/** The lock on a folder of certificates. */
export function lockOf(dir: string): LockFile {
  const path = join(dir, '.lock');
  return {
    path,
    mode: 0o644,
    patienceMs: 60_000,
    busy: (holder) => CertsBusy({ path, holder }),
    failed: (error) => CertWriteFailed({ path, reason: fileReason(error) }, error),
  };
}

/**
 * Runs `work` while no other run replaces files in `dir`. Making what is missing needs no lock, for nothing is
 * overwritten there; renewing, rotating and revoking read, decide and overwrite.
 *
 * @throws SALLY_CERTS_BUSY after a minute; SALLY_CERT_WRITE.
 */
export async function lockedFolder<T>(dir: string, work: () => Promise<T>): Promise<T> {
  const lock = lockOf(dir);
  await makeFolders(dir).catch((error: unknown) => {
    throw lock.failed(error);
  });
  return locked(lock, work);
}

async function stage(file: NewFile): Promise<string> {
  const folder = dirname(file.path);
  const path = join(folder, `.${basename(file.path)}.${process.pid}.${randomBytes(8).toString('hex')}.tmp`);
  try {
    await makeFolder(folder);
    const handle = await open(path, 'wx', file.mode);
    try {
      await handle.chmod(file.mode);
      if (((await handle.stat()).mode & 0o777) !== file.mode) {
        throw CertWriteFailed({ path: file.path, reason: 'this file system does not keep permissions' });
      }
      await handle.writeFile(file.text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    return path;
  } catch (error) {
    await discard(path);
    throw writeFailed(file.path, error);
  }
}

/** A hard link is the one step that gives a whole file its name and fails where the name is taken. */
async function claim(staged: string, path: string): Promise<boolean> {
  try {
    await link(staged, path);
    await syncFolder(dirname(path));
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EEXIST' || code === 'ENOENT') return false;
    const hint = code === 'EPERM' || code === 'ENOTSUP' ? ' (the file system has to have hard links)' : '';
    throw CertWriteFailed({ path, reason: `${fileReason(error)}${hint}` }, error);
  }
}

/**
 * Makes a folder with those above it; returns the first that was not there. Node's own way (`recursive`) never ends on a
 * file system that takes no folders, such as /proc.
 */
async function makeFolders(folder: string): Promise<string | undefined> {
  try {
    await mkdir(folder);
    return folder;
  } catch (error) {
    const there = await stat(folder).catch(() => undefined);
    if (there?.isDirectory()) return undefined;
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(folder) === folder) throw error;
  }
  const first = await makeFolders(dirname(folder));
  await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
    // Another run was quicker.
    if (error.code !== 'EEXIST') throw error;
  });
  return first ?? folder;
}

/** A new name is on the disk only once its folder is, and a new folder once the one above is. */
async function makeFolder(folder: string): Promise<void> {
  const first = await makeFolders(folder);
  if (first === undefined) return;
  const top = dirname(resolve(first));
  for (let at = dirname(resolve(folder)); at.length >= top.length; at = dirname(at)) {
    await syncFolder(at);
    if (at === dirname(at)) return;
  }
}

async function syncFolder(folder: string): Promise<void> {
  // Some file systems (FUSE, SMB) cannot sync a folder: there is nothing more to be had from them.
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => {});
  await handle?.close();
}

async function discard(path: string): Promise<void> {
  await unlink(path).catch(() => {});
}

function writeFailed(path: string, error: unknown): SallyError {
  return CertWriteFailed.is(error) ? error : CertWriteFailed({ path, reason: fileReason(error) }, error);
}

/** Told of each path just before it changes. A test that throws here is a run that ends here. */
export type BeforeChange = (path: string) => void;

/**
 * Gives files that may exist a new content, one by one, in this order; each is whole at every moment. A file that
 * was there keeps its permissions and its owner. What already has the wanted content is left alone.
 *
 * @returns the paths that changed.
 * @throws SALLY_CERT_WRITE
 */
export async function replaceEach(
  files: readonly NewFile[],
  before?: BeforeChange,
): Promise<readonly string[]> {
  const changed: string[] = [];
  for (const file of files) {
    const found = await readIfExists(file.path);
    if (found?.text === file.text) continue;
    const staged = await stageLike(file);
    try {
      before?.(file.path);
      await renameTo(staged, file.path);
    } finally {
      await discard(staged);
    }
    changed.push(file.path);
  }
  return changed;
}

/**
 * Replaces a key, its certificate and the file that holds both, as one. Two names cannot change at once: all are
 * first written whole beside their names, as `.server.key.next` and so on, and then renamed with the key first. So
 * a staged certificate without a staged key says that the key has changed already, and `settle` finishes what a
 * killed run began; with the staged key still there, nothing has changed, and it is forgotten.
 */
export async function replaceTogether(files: readonly NewFile[], before?: BeforeChange): Promise<void> {
  const next: string[] = [];
  try {
    for (const file of files) {
      const staged = await stageLike(file);
      // Written first, named after: what has this name is whole.
      await renameTo(staged, nextTo(file.path)).finally(() => discard(staged));
      next.push(nextTo(file.path));
    }
  } catch (error) {
    await Promise.all(next.toReversed().map(discard));
    throw error;
  }
  for (const file of files) {
    before?.(file.path);
    await renameTo(nextTo(file.path), file.path);
  }
}

/** The files of a folder that change together. */
interface Together {
  readonly key: string;
  readonly cert: string;
  readonly pem?: string;
}

/** Finishes or forgets a replacement that a killed run has left in the folder; only while the lock is held. */
export async function settle(layout: Together): Promise<void> {
  const begun = (await readIfExists(nextTo(layout.key))) === undefined;
  for (const path of [layout.cert, layout.pem, layout.key]) {
    if (path === undefined || !(await readIfExists(nextTo(path)))) continue;
    if (begun) await renameTo(nextTo(path), path);
    else await discard(nextTo(path));
  }
}

/** Whether a replacement is under way in the folder, or was left there by a killed run. */
export async function isUnsettled(layout: Together): Promise<boolean> {
  const paths = [layout.cert, layout.pem, layout.key].flatMap((path) => path ?? []);
  const found = await Promise.all(paths.map((path) => readIfExists(nextTo(path))));
  return found.some((file) => file !== undefined);
}

/** Removes the files, in this order, as far as they are there. */
export async function removeEach(paths: readonly string[], before?: BeforeChange): Promise<void> {
  for (const path of paths) {
    if (!(await readIfExists(path))) continue;
    before?.(path);
    await unlink(path).catch((error: unknown) => {
      throw CertWriteFailed({ path, reason: fileReason(error) }, error);
    });
    await syncFolder(dirname(path));
  }
}

const nextTo = (path: string): string => join(dirname(path), `.${basename(path)}.next`);

/** Staged with the permissions and the owner of the file that it is to replace: a server may run as another user. */
async function stageLike(file: NewFile): Promise<string> {
  const old = await stat(file.path).catch(() => undefined);
  const staged = await stage({ ...file, mode: old ? old.mode & 0o777 : file.mode });
  const own = await stat(staged);
  if (!old || (old.uid === own.uid && old.gid === own.gid)) return staged;
  try {
    await chown(staged, old.uid, old.gid);
    return staged;
  } catch (error) {
    await discard(staged);
    const reason = `it belongs to user ${old.uid}, group ${old.gid}, and a new one cannot be given to them (run this as that user, or as root)`;
    throw CertWriteFailed({ path: file.path, reason }, error);
  }
}

async function renameTo(staged: string, path: string): Promise<void> {
  try {
    await rename(staged, path);
    await syncFolder(dirname(path));
  } catch (error) {
    throw CertWriteFailed({ path, reason: fileReason(error) }, error);
  }
}

/**
 * Calls `step` until it has a result. It has none where it made files or found that another run was quicker:
 * what is on disk then decides, and each round leaves more of it there. So a few rounds are enough.
 */
export async function untilComplete<T>(path: string, step: () => Promise<T | undefined>): Promise<T> {
  for (let round = 0; round < 20; round += 1) {
    const result = await step();
    if (result !== undefined) return result;
  }
  throw CertWriteFailed({ path, reason: 'its files keep changing while this command runs' });
}
