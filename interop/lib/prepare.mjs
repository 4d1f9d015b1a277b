import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { progress } from '../../scripts/progress.mjs';
import { stopEverything } from './processes.mjs';
import { CannotRun, preparePeer } from './python.mjs';

/** The folder of the project. */
export const root = resolve(import.meta.dirname, '../..');
/** Where the virtual environments are. */
export const cache = join(root, '.cache', 'interop');

/**
 * Runs `work` with a python for each peer and a folder that is gone afterwards, with every process.
 * @throws CannotRun where this machine has no Python, or the packages cannot be installed.
 */
export async function withPeers(peers, work) {
  if (!existsSync(join(root, 'dist/cli/main.js'))) throw new CannotRun('dist/ is missing: make build');
  const folder = await mkdtemp(join(tmpdir(), 'interop-'));
  try {
    const pythons = new Map();
    for (const peer of peers) {
      progress.show(`interop: packages of ${peer.id}`);
      pythons.set(peer, await preparePeer(peer, { root, cache }));
    }
    return await work({ pythons, folder });
  } finally {
    progress.clear();
    stopEverything();
    await rm(folder, { recursive: true, force: true });
  }
}
