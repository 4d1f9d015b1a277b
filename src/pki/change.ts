import { rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CaElsewhere, CertsMissing, CertUnknown } from '../errors.js';
import { lockedFolder, readIfExists, sweep } from './files.js';
import { type LeafTarget, layoutOf, leafTargets, makeCommand, targetName } from './folder.js';
import { type BeforeChange, settle } from './replace.js';
import type { EnsureOptions } from './settings.js';
import { type FolderState, isEmpty, readState } from './state.js';

/** How certificates that exist are changed. */
export interface ChangeOptions extends EnsureOptions {
  /** Told of each file just before it changes. */
  readonly onChange?: BeforeChange;
}

/**
 * Runs `work` on the folders in `dir` while no other run changes them, after whatever a killed run left
 * half-replaced is whole again.
 *
 * @throws SALLY_CERTS_MISSING, SALLY_CA_ELSEWHERE where there is no CA: nothing is created in a folder that was mistyped.
 */
export async function changing<T>(
  dir: string,
  work: (leaves: readonly FolderState<LeafTarget>[]) => Promise<T>,
): Promise<T> {
  await assertCa(dir);
  return lockedFolder(dir, async () => {
    const ca = layoutOf(dir, { role: 'ca' }).folder;
    await sweep(ca);
    for (const slot of [join(ca, 'next'), join(ca, 'previous')]) {
      await sweep(slot);
      // It goes only where it is empty.
      await rmdir(slot).catch(() => {});
    }
    const targets = await leafTargets(dir);
    for (const target of targets) {
      const layout = layoutOf(dir, target);
      await settle(layout);
      await sweep(layout.folder);
    }
    return work(await presentLeaves(dir, targets));
  });
}

/**
 * A host that has but its own folder is told where to go: a second CA made there would be one that nobody trusts.
 *
 * @throws SALLY_CERTS_MISSING, SALLY_CA_ELSEWHERE
 */
export async function assertCa(dir: string): Promise<void> {
  const path = layoutOf(dir, { role: 'ca' }).cert;
  if (await readIfExists(path)) return;
  const leaves = await presentLeaves(dir, await leafTargets(dir));
  throw leaves.length > 0
    ? CaElsewhere({ dir, path })
    : CertsMissing({ dir, remedy: makeCommand(dir, { role: 'all' }) });
}

/** The folders that hold anything. */
export async function presentLeaves(
  dir: string,
  targets: readonly LeafTarget[],
): Promise<readonly FolderState<LeafTarget>[]> {
  const states = await Promise.all(targets.map((target) => readState(dir, target)));
  return states.filter((state) => !isEmpty(state));
}

/**
 * The leaf that `name` means: the gateway or a plugin by name, or the path of its folder or of a file in it.
 *
 * @throws SALLY_CERT_UNKNOWN
 */
export function leafNamed(
  name: string,
  dir: string,
  leaves: readonly FolderState<LeafTarget>[],
): FolderState<LeafTarget> {
  const path = name.replace(/^\.\//, '').replace(/\/+$/, '');
  const found = leaves.find(
    ({ target, layout }) =>
      targetName(target) === name || layout.folder === path || path.startsWith(`${layout.folder}/`),
  );
  if (found) return found;
  throw CertUnknown({ name, dir, known: leaves.map(({ target }) => targetName(target)) });
}
