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
import { locked } from '../../lock.js';
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
  const lock = `${path}.new`;
  const failed = (error: unknown) =>
    ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')
      ? TokensFolderMissing({ path, folder: dirname(path) }, error)
      : TokensFileWrite({ path, reason: fileReason(error) }, error);
  const busy = () => TokensFileLocked({ path, lock });
  await locked({ path: lock, mode: 0o600, patienceMs: 2_000, busy, failed }, async () => {
    const tokens = change(await readTokens(path, missing));
    // Beside it under a name that only the holder of the lock uses: one that was killed leaves no second file.
    const next = `${path}.next`;
    try {
      await rm(next, { force: true });
      const handle = await open(next, 'wx', 0o600);
      await handle
        .writeFile(`${JSON.stringify({ tokens }, null, 2)}\n`)
        .then(() => handle.sync())
        .finally(() => handle.close());
      await rename(next, path);
    } catch (error) {
      await rm(next, { force: true }).catch(() => {});
      throw TokensFileWrite({ path, reason: fileReason(error) }, error);
    }
  });
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
