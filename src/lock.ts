import { link, open, readFile, rename, stat, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import type { SallyError } from './errors.js';

/** A lock between processes: a file that says who holds it. */
export interface LockFile {
  readonly path: string;
  /** Permission bits of the file. */
  readonly mode: number;
  readonly patienceMs: number;
  /** The error where it is still held after `patienceMs`. */
  readonly busy: (holder: string) => SallyError;
  /** The error where the file cannot be made. */
  readonly failed: (error: unknown) => SallyError;
}

const pollMs = 20;
/** A holder of another host cannot be asked: one that is older than any run takes is gone. */
const staleMs = 10 * 60_000;
/** One without a holder was not written to its end: a disk was full, or its process was killed. */
const unwrittenMs = 10_000;

/** Runs `work` while no other process holds the lock. One whose holder is gone is taken over. */
export async function locked<T>(lock: LockFile, work: () => Promise<T>): Promise<T> {
  const { path } = lock;
  await retried(lock, () => claim(lock), breakLock);
  try {
    return await work();
  } finally {
    await unlink(path).catch(() => {});
  }
}

/** Returns once no process holds the lock: what it was replacing is whole again then. */
export async function unlocked(lock: LockFile): Promise<void> {
  await retried(lock, async () => (await holderOf(lock.path)) === undefined, 'ignore');
}

/** Tries until it is free; what to do about a lock whose holder is gone is said by `stale`. */
async function retried(
  { path, patienceMs, busy }: LockFile,
  isFree: () => Promise<boolean>,
  stale: 'ignore' | ((path: string, holder: string) => Promise<void>),
): Promise<void> {
  const deadline = Date.now() + patienceMs;
  while (!(await isFree())) {
    const holder = await staleHolder(path);
    if (holder !== undefined) {
      if (stale === 'ignore') return;
      await stale(path, holder);
    } else if (Date.now() > deadline) throw busy((await holderOf(path)) || 'someone');
    else await wait(pollMs);
  }
}

async function claim({ path, mode, failed }: LockFile): Promise<boolean> {
  try {
    const file = await open(path, 'wx', mode);
    try {
      await file.writeFile(`${hostname()} process ${process.pid}`).finally(() => file.close());
    } catch (error) {
      // On a full disk it is there, and says nothing: nobody would take it over.
      await unlink(path).catch(() => {});
      throw error;
    }
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw failed(error);
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
  const oldest = holder === '' ? unwrittenMs : staleMs;
  return found !== undefined && Date.now() - found.mtimeMs > oldest ? holder : undefined;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
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
