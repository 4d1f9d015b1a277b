import { chown, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CertWriteFailed, fileReason } from '../errors.js';
import { discard, type NewFile, readIfExists, stage, syncFolder } from './files.js';
import type { Layout } from './folder.js';

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

/** Finishes or forgets a replacement that a killed run has left in the folder; only while the lock is held. */
export async function settle(layout: Layout): Promise<void> {
  const begun = (await readIfExists(nextTo(layout.key))) === undefined;
  for (const path of [layout.cert, layout.pem, layout.key]) {
    if (path === undefined || !(await readIfExists(nextTo(path)))) continue;
    if (begun) await renameTo(nextTo(path), path);
    else await discard(nextTo(path));
  }
}

/** Whether a replacement is under way in the folder, or was left there by a killed run. */
export async function isUnsettled(layout: Layout): Promise<boolean> {
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
