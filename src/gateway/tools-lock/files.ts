import { constants } from 'node:fs';
import { type FileHandle, open, realpath, rename, rm } from 'node:fs/promises';
import { z } from 'zod';
import {
  FileUnreadable,
  fileReason,
  ToolsLockBusy,
  ToolsLockInvalid,
  ToolsLockMissing,
  ToolsLockWrite,
} from '../../errors.js';
import { parseJson } from '../../json/index.js';
import { locked } from '../../lock.js';
import { parseToolsLock, type ToolsLock, writeToolsLock } from '../../policy/lock/index.js';

/** More than all lists of all upstreams have, and far from what fills the memory. */
const maxBytes = 64 * 1024 * 1024;

/**
 * The lock in a file.
 *
 * @throws SALLY_TOOLS_LOCK_MISSING where there is none, SALLY_FILE_UNREADABLE, and what `parseToolsLock` throws.
 */
export async function readToolsLock(path: string): Promise<ToolsLock> {
  const found = await readWithMode(path);
  if (found === undefined) throw ToolsLockMissing({ path });
  return parseToolsLock(found.text, path);
}

/** The text of a file, and its permission bits; undefined where there is none. */
async function readWithMode(path: string): Promise<{ text: string; mode: number } | undefined> {
  let file: FileHandle | undefined;
  try {
    // Without O_NONBLOCK, opening a named pipe waits for a writer for ever.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const { mode, size } = await file.stat();
    if (size > maxBytes)
      throw ToolsLockInvalid({ path, line: undefined, reason: `it has more than ${maxBytes} bytes` });
    return { text: await file.readFile('utf8'), mode: mode & 0o777 };
  } catch (error) {
    if (ToolsLockInvalid.is(error)) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw FileUnreadable({ path, what: 'the lock on tools', reason: fileReason(error) }, error);
  } finally {
    await file?.close();
  }
}

/**
 * Changes a lock. Whoever reads the file meanwhile has the old one or the new one, never a part, and whoever changes it at the same
 * time waits. `change` has undefined where there is no file yet, and leaves it as it is where it returns undefined.
 */
export async function changeToolsLock(
  path: string,
  change: (lock: ToolsLock | undefined) => ToolsLock | undefined,
): Promise<void> {
  // What a link leads to is changed, not the link.
  const target = await realpath(path).catch(() => path);
  const failed = (error: unknown) => ToolsLockWrite({ path, reason: fileReason(error) }, error);
  const busy = (holder: string) => ToolsLockBusy({ path: target, holder });
  await locked({ path: `${target}.new`, mode: 0o644, patienceMs: 10_000, busy, failed }, async () => {
    const before = await readWithMode(target);
    const next = change(before && parseToolsLock(before.text, path));
    const text = next && writeToolsLock(next);
    if (text !== undefined && text !== before?.text)
      await replace(target, text, before?.mode ?? 0o644).catch((error: unknown) => {
        throw failed(error);
      });
  });
}

/** Beside the file under a name that only one holder of the lock uses: a run that was killed leaves no second file. */
async function replace(path: string, text: string, mode: number): Promise<void> {
  const next = `${path}.next`;
  try {
    await rm(next, { force: true });
    const file = await open(next, 'wx', mode);
    await file
      .writeFile(text)
      .then(() => file.sync())
      .finally(() => file.close());
    await rename(next, path);
  } catch (error) {
    await rm(next, { force: true }).catch(() => {});
    throw error;
  }
}

/** The changes that a person was shown, by their keys: what is accepted has to be among them. */
const Shown = z.strictObject({ shown: z.array(z.string()) });

const shownPath = (path: string) => `${path}.shown`;

/** Keeps what was shown of the lock at `path`, in place of what was shown before; false where its folder takes no file. */
export async function keepShown(path: string, keys: readonly string[]): Promise<boolean> {
  const target = await realpath(path).catch(() => path);
  try {
    if (keys.length === 0) await rm(shownPath(target), { force: true });
    else await replace(shownPath(target), `${JSON.stringify({ shown: keys }, null, 2)}\n`, 0o600);
    return true;
  } catch {
    return false;
  }
}

/** What was last shown of the lock at `path`; nothing where that cannot be told. */
export async function readShown(path: string): Promise<ReadonlySet<string>> {
  const target = await realpath(path).catch(() => path);
  try {
    const found = await readWithMode(shownPath(target));
    return new Set(found && Shown.parse(parseJson(found.text)).shown);
  } catch {
    return new Set();
  }
}
