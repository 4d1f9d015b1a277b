import type { X509Certificate } from 'node:crypto';
import { type Authorities, isOccupied, readAuthorities } from './authority.js';
import { read } from './certificate.js';
import { assertCa, presentLeaves } from './change.js';
import { revocationIn } from './crl.js';
import {
  certsCommandLine,
  defaultDir,
  type FolderState,
  type LeafTarget,
  leafTargets,
  targetName,
} from './folder.js';
import { bundleHas, certificatesIn, issuerIn } from './pem.js';
import { validityIn } from './validity.js';

/**
 * Where a rotation stands, told from the files alone. `switching`: `activate`, or `undo` of it, was cut off between
 * two files, and either goes on from there.
 */
export type RotationPhase = 'none' | 'prepared' | 'switching' | 'activated';

/** The steps of replacing a CA, in their order, and the way back from the first two. */
export const rotationSteps = ['prepare', 'activate', 'retire', 'undo'] as const;

export type RotationStep = (typeof rotationSteps)[number];

/** One of the CAs of a rotation. */
export interface RotationCa {
  readonly subject: string;
  readonly fingerprint: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** One folder on the way from one CA to the other. */
export interface RotationFolder {
  readonly name: string;
  readonly folder: string;
  /** Which of the two CAs its `ca.crt` has. */
  readonly trusts: 'old' | 'new' | 'both' | 'neither';
  /** Which of the two issued its certificate; `none`: there is none yet. */
  readonly issuedBy: 'old' | 'new' | 'neither' | 'none';
  /** Whether its `ca.crl` is the CA's. */
  readonly crlCurrent: boolean;
  readonly revoked: boolean;
}

/** All that the steps of a rotation decide by. */
export interface RotationStatus {
  readonly dir: string;
  readonly phase: RotationPhase;
  /** The CA that was there first; the only one where nothing is under way. */
  readonly old: RotationCa | undefined;
  readonly new: RotationCa | undefined;
  /** Whether `ca/ca.crt`, the bundle that folders get, has both. */
  readonly bundled: boolean;
  readonly folders: readonly RotationFolder[];
  /** When the last step changed something; absent where nothing is under way. */
  readonly since?: Date;
  /** The command that comes next. */
  readonly next: string;
}

/**
 * Where the replacement of the CA stands, for every folder, and what comes next.
 *
 * @throws SALLY_CERTS_MISSING, SALLY_CA_ELSEWHERE, SALLY_FILE_UNREADABLE
 * @example
 * ```ts
 * import { rotationStatus } from 'sallyport/pki';
 *
 * const { phase, folders, next } = await rotationStatus();
 * console.log(phase, folders.filter(({ trusts }) => trusts !== 'both').length, next);
 * ```
 */
export async function rotationStatus(options: { readonly dir?: string } = {}): Promise<RotationStatus> {
  const dir = options.dir ?? defaultDir;
  await assertCa(dir);
  return statusOf(dir, await readAuthorities(dir), await presentLeaves(dir, await leafTargets(dir)));
}

export function phaseOf({ next, previous }: Pick<Authorities, 'next' | 'previous'>): RotationPhase {
  if (isOccupied(next)) return isOccupied(previous) ? 'switching' : 'prepared';
  return isOccupied(previous) ? 'activated' : 'none';
}

/** The old and the new CA's certificate. While they are switched, the one in waiting tells which is which. */
interface Pair {
  readonly old: X509Certificate | undefined;
  readonly new: X509Certificate | undefined;
}

function pairOf(authorities: Authorities): Pair {
  const { active, next, previous } = authorities;
  const phase = phaseOf(authorities);
  if (phase === 'none') return { old: active, new: undefined };
  if (phase === 'activated') return { old: previous.certificate, new: active };
  // In `switching` each of the two has its slot, or is the one that issues.
  return {
    old: previous.certificate ?? active,
    new: next.certificate ?? (phase === 'switching' ? active : undefined),
  };
}

export function statusOf(
  dir: string,
  authorities: Authorities,
  leaves: readonly FolderState<LeafTarget>[],
): RotationStatus {
  const pair = pairOf(authorities);
  const phase = phaseOf(authorities);
  const status = {
    dir,
    phase,
    old: shown(pair.old),
    new: shown(pair.new),
    bundled: [pair.old, pair.new].every((ca) => bundleHas(authorities.bundle, ca)),
    folders: leaves.map((leaf) => folderOf(leaf, pair, authorities)),
    ...sinceOf(authorities),
  };
  return { ...status, next: nextCommand(status) };
}

/** The file of the CA in waiting is touched by each step that changes something: see `rotateCa`. */
function sinceOf({ next, previous }: Authorities): { readonly since?: Date } {
  const since = (previous.cert ?? next.cert)?.mtime;
  return since ? { since } : {};
}

function shown(ca: X509Certificate | undefined): RotationCa | undefined {
  if (!ca) return undefined;
  return { subject: read(ca).subject, fingerprint: ca.fingerprint256, ...validityIn(ca) };
}

function folderOf(leaf: FolderState<LeafTarget>, pair: Pair, { state }: Authorities): RotationFolder {
  const { certificate } = leaf;
  const copy = certificatesIn(leaf.caCopy?.text);
  const has = (ca: X509Certificate | undefined) => bundleHas(copy, ca);
  const issuer = certificate && issuerIn([pair.old ?? [], pair.new ?? []].flat(), certificate);
  const trusts = has(pair.old) ? (has(pair.new) ? 'both' : 'old') : has(pair.new) ? 'new' : 'neither';
  return {
    name: targetName(leaf.target),
    folder: leaf.layout.folder,
    trusts,
    issuedBy: !leaf.cert ? 'none' : issuer === undefined ? 'neither' : issuer === pair.old ? 'old' : 'new',
    crlCurrent: leaf.crl?.text === state.crl?.text,
    revoked:
      certificate !== undefined &&
      issuer !== undefined &&
      state.crl !== undefined &&
      revocationIn(state.crl.text, certificate.serialNumber, issuer) !== undefined,
  };
}

/** Whether the bundle of both CAs, with the lists of both where lists are used, is wherever it has to be. */
export const hasReached = ({ trusts, crlCurrent }: RotationFolder): boolean =>
  trusts === 'both' && crlCurrent;

export const isOfNewCa = ({ issuedBy }: RotationFolder): boolean => issuedBy === 'new' || issuedBy === 'none';

function nextCommand({ dir, phase, bundled, folders }: Omit<RotationStatus, 'next'>): string {
  const step = (name: string) => certsCommandLine(dir, 'ca-rotate', name);
  if (phase === 'none') return step('prepare');
  if (phase === 'prepared') return step(bundled && folders.every(hasReached) ? 'activate' : 'prepare');
  if (phase === 'switching') return step('activate');
  // Without the old CA in the bundle, `retire` has begun.
  return step(!bundled || folders.every(isOfNewCa) ? 'retire' : 'activate');
}
