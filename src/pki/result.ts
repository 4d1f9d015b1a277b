import { CertWriteFailed } from '../errors.js';
import { type FolderState, parseCertificate, validityIn } from './state.js';

/** What became of one folder: all of it made, some missing file added, or everything kept as it was. */
export interface EnsureResult {
  readonly role: 'ca' | 'gateway' | 'plugin';
  /** The plugin's name; absent for the CA and the gateway. */
  readonly name?: string;
  readonly folder: string;
  readonly outcome: 'made' | 'repaired' | 'kept';
  /** Paths of the files that are new. */
  readonly made: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** What the user should know of: a shortened validity, names that the kept certificate lacks. */
  readonly notes: readonly string[];
}

/** `state` as a result; `certPem` is its certificate. */
export function describe(
  state: FolderState,
  certPem: string,
  made: readonly string[],
  notes: readonly string[],
): EnsureResult {
  const { target, layout } = state;
  const certificate = parseCertificate(certPem);
  const whole = made.includes(layout.key) && made.includes(layout.cert);
  return {
    role: target.role,
    ...(target.role === 'plugin' ? { name: target.name } : {}),
    folder: layout.folder,
    outcome: whole ? 'made' : made.length > 0 ? 'repaired' : 'kept',
    made,
    ...(certificate ? validityIn(certificate) : { notBefore: new Date(0), notAfter: new Date(0) }),
    notes,
  };
}

/**
 * Calls `step` until it has a result. It has none where it made files or found that another run was quicker:
 * what is on disk then decides, and each round leaves more of it there. So a few rounds are enough.
 */
export async function untilComplete<T>(path: string, step: () => Promise<T | undefined>): Promise<T> {
  for (let round = 0; round < 20; round += 1) {
    const result = await step();
    if (result !== undefined) return result;
  }
  throw CertWriteFailed({ path, reason: 'its files keep changing while this command runs' });
}
