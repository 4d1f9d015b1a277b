import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { ConfigFileUnusable, FileUnreadable, fileReason } from '../errors.js';
import type { Problems } from './problems.js';

/** Environment variables. */
export type Env = Readonly<Record<string, string | undefined>>;

/** What a path in a configuration is relative to. */
export interface PathBase {
  readonly cwd: string;
  /** The folder of the configuration file. */
  readonly folder: string;
  readonly home: string | undefined;
  exists(path: string): boolean;
}

/** `~` and `~/…` as the home folder; anything else, and all without a home, as it is. */
export function expandHome(path: string, home: string | undefined): string {
  if (home === undefined || home === '') return path;
  return path === '~' ? home : path.startsWith('~/') ? join(home, path.slice(2)) : path;
}

/**
 * The absolute path of a file that a configuration names: from the working directory, or beside the
 * configuration where only there something exists.
 */
export function resolvePath(path: string, base: PathBase): string {
  const expanded = expandHome(path, base.home);
  const fromCwd = resolve(base.cwd, expanded);
  if (isAbsolute(expanded) || base.exists(fromCwd)) return fromCwd;
  const beside = resolve(base.folder, expanded);
  return base.exists(beside) ? beside : fromCwd;
}

const maxBytes = 1024 * 1024;
/** How long whoever writes to a pipe may take: `<(…)` of a shell runs a program first. */
const pipeMs = 5_000;
const pipeLookMs = 20;

/** What comes out of a pipe until whoever writes has closed it; undefined where nobody has in time. */
async function readPipe(handle: FileHandle): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for (let waited = 0; waited < pipeMs; ) {
    const { bytesRead, buffer } = await handle
      .read(Buffer.alloc(65_536))
      .catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EAGAIN') throw error;
        return { bytesRead: undefined, buffer: Buffer.alloc(0) };
      });
    if (bytesRead) chunks.push(buffer.subarray(0, bytesRead));
    length += bytesRead ?? 0;
    // Nothing at all, before anybody has written: nobody has opened it yet.
    if (length > maxBytes || (bytesRead === 0 && length > 0)) return Buffer.concat(chunks);
    if (bytesRead) continue;
    await wait(pipeLookMs);
    waited += pipeLookMs;
  }
  return undefined;
}

/** Whether an error of `node:fs` says that nothing is there. */
export function isMissing(error: unknown): boolean {
  const code = (error as { code?: unknown } | undefined)?.code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/**
 * The text of the configuration file `path`, which problems name `shown`; undefined, with a problem, where it is not a text
 * to parse. At most one byte more than allowed is read: `/dev/zero` and pipes end too.
 *
 * @throws SALLY_FILE_UNREADABLE
 */
export async function readText(path: string, shown: string, problems: Problems): Promise<string | undefined> {
  const refuse = (reason: string): undefined => {
    problems.add(ConfigFileUnusable({ at: { file: shown, line: 1, column: 1 }, reason }));
  };
  const chunks: Buffer[] = [];
  try {
    // Without O_NONBLOCK, opening a named pipe waits for a writer for ever.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if ((await handle.stat()).isFIFO()) {
      const piped = await readPipe(handle).finally(() => handle.close());
      if (piped === undefined)
        return refuse(`is a pipe, and nothing was written to it to its end within ${pipeMs / 1000} s`);
      chunks.push(piped);
    } else for await (const chunk of handle.createReadStream({ end: maxBytes })) chunks.push(chunk as Buffer);
  } catch (error) {
    throw FileUnreadable({ path: shown, what: 'the configuration', reason: fileReason(error) }, error);
  }
  const bytes = Buffer.concat(chunks);
  if (bytes.length > maxBytes) return refuse('is larger than 1 MiB');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return refuse('is not UTF-8 text');
  }
}
