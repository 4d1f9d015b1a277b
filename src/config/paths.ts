import { isAbsolute, join, resolve } from 'node:path';

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
