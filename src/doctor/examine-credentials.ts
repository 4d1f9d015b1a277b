import { findSallyError } from '../errors.js';
import { type CredentialFiles, expiryWarnings, loadCredentials, type TlsRole } from '../tls/index.js';
import type { DoctorContext } from './context.js';
import type { CredentialFacts } from './facts.js';

/** Loads the files of one side, as its program would. */
export async function examineCredentials(
  files: CredentialFiles,
  role: TlsRole,
  about: Pick<CredentialFacts, 'title' | 'keys' | 'within'>,
  context: DoctorContext,
): Promise<CredentialFacts> {
  const now = context.now();
  const keys = [...about.keys, ...(files.certfile === undefined ? [] : [files.certfile])];
  const facts = { ...about, keys, kind: 'credentials', role, files } as const;
  try {
    const set = await loadCredentials(files, role, { version: 1, now });
    return { ...facts, set, problems: [...set.warnings, ...expiryWarnings(set, now, new Map())] };
  } catch (error) {
    const problem = findSallyError(error);
    if (problem === undefined) throw error;
    return { ...facts, problems: [problem] };
  }
}
