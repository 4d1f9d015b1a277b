import { type FSWatcher, statSync, watch } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Events of the folders that hold some files. */
export interface FolderWatch {
  /** Watches the folders that hold the files now: one may have been made anew, a link may lead elsewhere. */
  arm(): Promise<void>;
  close(): void;
}

/**
 * Calls `onEvent` when something changes in a folder of one of `paths`, or in one that a link leads to. A folder and not
 * the file is watched: a rename gives the name to another file, and Kubernetes swaps a link beside it (`..data`), so that
 * the file itself sees nothing. Where a system has no such events, or no more of them, nothing is called: a poll has to
 * stand behind it.
 */
export function watchFolders(paths: readonly string[], onEvent: () => void): FolderWatch {
  const watched = new Map<string, { readonly identity: string; readonly watcher: FSWatcher }>();
  let closed = false;
  const stop = (folder: string) => {
    watched.get(folder)?.watcher.close();
    watched.delete(folder);
  };
  return {
    async arm() {
      const real = await Promise.all(paths.map((path) => realpath(path).catch(() => path)));
      if (closed) return;
      const folders = new Set([...paths, ...real].map((path) => dirname(path)));
      for (const folder of watched.keys()) if (!folders.has(folder)) stop(folder);
      for (const folder of folders) {
        const identity = identityOf(folder);
        if (watched.get(folder)?.identity === identity) continue;
        stop(folder);
        if (identity === undefined) continue;
        try {
          const watcher = watch(folder, { persistent: false }, onEvent);
          watcher.on('error', () => stop(folder));
          watched.set(folder, { identity, watcher });
        } catch {
          // No such events here, or too many watchers (ENOSPC, EMFILE).
        }
      }
    },
    close() {
      closed = true;
      for (const folder of watched.keys()) stop(folder);
    },
  };
}

/** Which folder has that name now; undefined where none has. */
function identityOf(folder: string): string | undefined {
  const stats = statSync(folder, { throwIfNoEntry: false });
  return stats && `${stats.dev}:${stats.ino}`;
}
