import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import { CaElsewhere, CertsMissing, FileUnreadable, fileReason } from '../errors.js';
import { checkCertificates, rotationStatus } from '../pki/index.js';
import type { DoctorContext } from './context.js';
import type { ConfigFacts, FolderFacts } from './facts.js';

/** Looks at a folder of certificates. @throws SALLY_FILE_UNREADABLE where there is none. */
export async function examineFolder(
  dir: string,
  configs: readonly ConfigFacts[],
  context: DoctorContext,
): Promise<FolderFacts> {
  const at = resolve(context.cwd, dir);
  await access(at).catch((error: unknown) => {
    throw FileUnreadable({ path: dir, what: 'the folder', reason: fileReason(error) }, error);
  });
  // Remedies name the folder as the user did, where that leads there.
  const shown = resolve(dir) === at ? dir : at;
  const now = context.now();
  const report = await checkCertificates({ dir: shown, now: () => now });
  const named = configs.flatMap(({ config }) => config?.plugins ?? []).map(({ name }) => name.toLowerCase());
  const folders = report.entries.filter(({ role }) => role === 'plugin').map(({ name }) => name);
  return {
    kind: 'folder',
    title: dir,
    keys: [`folder:${at}`],
    within: [],
    dir: shown,
    report,
    rotation: await rotationStatus({ dir: shown }).catch(whereNoCa),
    strays: named.length === 0 ? undefined : folders.filter((name) => !named.includes(name.toLowerCase())),
    besideServer: configs.some(({ side }) => side === 'server'),
    now,
  };
}

/** What is missing from the folder is for its own checks to say. */
function whereNoCa(error: unknown): undefined {
  if (CaElsewhere.is(error) || CertsMissing.is(error)) return;
  throw error;
}
