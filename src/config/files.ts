import { isAbsolute, join, resolve } from 'node:path';
import { ConfigFileUnusable, FileUnreadable, fileReason } from '../errors.js';
import { isTooLarge, readFileBytes } from '../read-file.js';
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

/** Whether an error of `node:fs` says that nothing is there. */
export function isMissing(error: unknown): boolean {
  const code = (error as { code?: unknown } | undefined)?.code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/**
 * The text of the configuration file `path`, which problems name `shown`; undefined, with a problem, where it is not a text
 * to parse.
 *
 * @throws SALLY_FILE_UNREADABLE
 */
export async function readText(path: string, shown: string, problems: Problems): Promise<string | undefined> {
  const refuse = (reason: string): undefined => {
    problems.add(ConfigFileUnusable({ at: { file: shown, line: 1, column: 1 }, reason }));
  };
  let bytes: Buffer | undefined;
  try {
    bytes = await readFileBytes(path, maxBytes);
  } catch (error) {
    if (isTooLarge(error)) return refuse('is larger than 1 MiB');
    throw FileUnreadable({ path: shown, what: 'the configuration', reason: fileReason(error) }, error);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return refuse('is not UTF-8 text');
  }
}
