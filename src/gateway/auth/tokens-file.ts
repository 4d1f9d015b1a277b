import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  FileUnreadable,
  fileReason,
  findSallyError,
  TokensFileInvalid,
  TokensFileLocked,
  TokensFileWrite,
  TokensFolderMissing,
} from '../../errors.js';
import { parseJson } from '../../json/index.js';
import { type TokenRecord, TokensFile } from './tokens.js';

/** The records of a tokens file. A file that is not there has none where `missing` says so, and is an error else. */
export async function readTokens(
  path: string,
  missing: 'empty' | 'error' = 'error',
): Promise<readonly TokenRecord[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (missing === 'empty' && (error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw FileUnreadable({ path, what: 'the tokens', reason: fileReason(error) }, error);
  }
  let json: unknown;
  try {
    json = parseJson(text, { what: 'it' });
  } catch (error) {
    throw TokensFileInvalid({ path, reason: findSallyError(error)?.message ?? 'it is not JSON' }, error);
  }
  const read = TokensFile.safeParse(json);
  if (!read.success) {
    const [first] = read.error.issues;
    const reason = `${first?.path.join('.') || 'it'}: ${first?.message ?? 'not as it was written'}`;
    throw TokensFileInvalid({ path, reason });
  }
  return read.data.tokens;
}

/**
 * Changes the records of a file. Whoever reads it meanwhile sees the old or the new one, never a part; whoever changes
 * it at the same time waits. The file is its user's alone from the moment that it exists. Its folder is not made: whose
 * that is and where is not for us to say, and a path with a typing error would begin a second file that no gateway reads.
 */
export async function changeTokens(
  path: string,
  change: (records: readonly TokenRecord[]) => readonly TokenRecord[],
  missing: 'empty' | 'error' = 'empty',
): Promise<void> {
  const next = `${path}.new`;
  const handle = await lock(next, path);
  try {
    const tokens = change(await readTokens(path, missing));
    await handle.writeFile(`${JSON.stringify({ tokens }, null, 2)}\n`);
    await handle.sync();
    await handle.close();
    await rename(next, path);
  } catch (error) {
    await handle.close().catch(() => {});
    await rm(next, { force: true });
    throw (error as NodeJS.ErrnoException).syscall === undefined
      ? error
      : TokensFileWrite({ path, reason: fileReason(error) }, error);
  }
}

const lockWaitMs = 2_000;

/** The file that will be the new one is the lock: it can be made only once. */
async function lock(next: string, path: string): Promise<Awaited<ReturnType<typeof open>>> {
  const deadline = Date.now() + lockWaitMs;
  for (;;) {
    try {
      return await open(next, 'wx', 0o600);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR')
        throw TokensFolderMissing({ path, folder: dirname(path) }, error);
      if (code !== 'EEXIST') throw TokensFileWrite({ path, reason: fileReason(error) }, error);
      if (Date.now() > deadline) throw TokensFileLocked({ path, lock: next }, error);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** What changes whenever a file is replaced or written; undefined where there is none. */
export async function fileVersion(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found && `${found.ino} ${found.size} ${found.mtimeMs} ${found.mode}`;
}

/** Whether others than its owner can read a file. */
export async function readableByOthers(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && (found.mode & 0o077) !== 0;
}
