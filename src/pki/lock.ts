import { link, open, readFile, rename, stat, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { CertsBusy, CertWriteFailed, fileReason } from '../errors.js';
import { isAlive, makeFolders } from './files.js';

const patienceMs = 60_000;
const pollMs = 50;
/** A holder of another host cannot be asked: one that is older than any run takes is gone. */
const staleMs = 10 * 60_000;

const pathIn = (dir: string): string => join(dir, '.lock');

/**
 * Runs `work` while no other run replaces files in `dir`. Making what is missing needs no lock, for nothing is
 * overwritten there; renewing, rotating and revoking read, decide and overwrite.
 *
 * @throws SALLY_CERTS_BUSY after a minute; SALLY_CERT_WRITE.
 */
export async function locked<T>(dir: string, work: () => Promise<T>): Promise<T> {
  const path = pathIn(dir);
  const deadline = Date.now() + patienceMs;
  while (!(await claim(path))) {
    const holder = await staleHolder(path);
    if (holder !== undefined) await breakLock(path, holder);
    else if (Date.now() > deadline) throw CertsBusy({ path, holder: (await holderOf(path)) || 'someone' });
    else await wait(pollMs);
  }
  try {
    return await work();
  } finally {
    await unlink(path).catch(() => {});
  }
}

/** Returns once no run holds the lock: what it was replacing is whole again then. */
export async function unlocked(dir: string): Promise<void> {
  const path = pathIn(dir);
  const deadline = Date.now() + patienceMs;
  while ((await holderOf(path)) !== undefined && (await staleHolder(path)) === undefined) {
    if (Date.now() > deadline) throw CertsBusy({ path, holder: (await holderOf(path)) || 'someone' });
    await wait(pollMs);
  }
}

async function claim(path: string): Promise<boolean> {
  try {
    await makeFolders(join(path, '..'));
    const file = await open(path, 'wx', 0o644);
    await file.writeFile(`${hostname()} process ${process.pid}`).finally(() => file.close());
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw CertWriteFailed({ path, reason: fileReason(error) }, error);
  }
}

async function holderOf(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}

/** What the lock says, where whoever wrote it is gone. */
async function staleHolder(path: string): Promise<string | undefined> {
  const holder = await holderOf(path);
  const [, host, pid] = /^(.+) process (\d+)$/.exec(holder ?? '') ?? [];
  if (host === hostname() && pid !== undefined) return isAlive(Number(pid)) ? undefined : holder;
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs > staleMs ? holder : undefined;
}

/** Two runs may find the same stale lock: the slower one must not take away the lock that the other has made since. */
async function breakLock(path: string, holder: string): Promise<void> {
  const aside = `${path}.${process.pid}`;
  try {
    await rename(path, aside);
    if ((await readFile(aside, 'utf8')) !== holder) await link(aside, path);
    await unlink(aside);
  } catch {
    // Someone else was quicker: the next attempt sees what they left.
  }
}
