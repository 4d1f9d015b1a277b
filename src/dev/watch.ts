import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** What Node loads, and what configures it. */
const relevant = /\.([cm]?[jt]s|json|ya?ml)$/;
const pollMs = 250;
/** A look at many files comes less often: it takes a tenth of the time at most. */
const pauseFactor = 9;

/** The folder of the package that `folder` is in; itself where it is in none. */
export function packageRoot(folder: string): string {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, 'package.json'))) return at;
    if (at === dirname(at)) return folder;
  }
}

/**
 * Calls `onChange` after files below `folder` have changed and stay as they are for a moment. It looks four times a second:
 * editors and compilers put files in the place of others, and events of folders get lost. Returns what ends it.
 */
export function watchFolder(folder: string, onChange: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  /** As it was when `onChange` was last called, and at the last look. */
  let known: string | undefined;
  let last: string | undefined;
  const look = async () => {
    const began = performance.now();
    const now = await stateOf(folder);
    const took = performance.now() - began;
    known ??= now;
    if (now !== known && now === last) {
      known = now;
      if (!closed) onChange();
    }
    last = now;
    if (!closed) timer = setTimeout(look, Math.max(pollMs, took * pauseFactor));
  };
  void look();
  return () => {
    closed = true;
    clearTimeout(timer);
  };
}

/** Changes with any of the files: what is missing or cannot be read just now is left out. */
async function stateOf(folder: string): Promise<string> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const parts = await Promise.all(
    entries.map(async (entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        const ours = !entry.name.startsWith('.') && entry.name !== 'node_modules' && entry.name !== 'certs';
        return ours ? stateOf(path) : '';
      }
      if (!relevant.test(entry.name)) return '';
      const { mtimeMs, size, ino } = await stat(path).catch(() => ({ mtimeMs: 0, size: 0, ino: 0 }));
      return `${path} ${mtimeMs} ${size} ${ino}\n`;
    }),
  );
  return parts.join('');
}
