import { CaUnusable, RotationRefused } from '../errors.js';
import { type ChangeOptions, changing } from './change.js';
import { certsCommandLine, makeCommand } from './folder.js';
import { type Rotation, reissue, rotationIn, secondCa, spread, switchTo, vacate } from './rotate-moves.js';
import { hasReached, isOfNewCa, type RotationFolder, type RotationStatus } from './rotate-state.js';
import { settingsOf } from './settings.js';

/** The steps of replacing a CA, in their order, and the way back from the first two. */
export const rotationSteps = ['prepare', 'activate', 'retire', 'undo'] as const;

export type RotationStep = (typeof rotationSteps)[number];

/** What a step left behind. */
export interface RotationResult {
  readonly step: RotationStep;
  /** Paths that are new or gone. */
  readonly changed: readonly string[];
  readonly status: RotationStatus;
}

/**
 * One step of replacing the CA so that nobody is stranded on the way:
 *
 * - `prepare` makes a second CA in `ca/next/`; every `ca.crt` becomes a bundle of both. `days` and `keyType` are its own;
 *   default: those of the CA that is there.
 * - `activate` lets the new one issue, and reissues every certificate; the old one moves to `ca/previous/`.
 * - `retire` takes the old one out of every bundle and deletes it. From here there is no way back.
 * - `undo` takes `activate` back, and `prepare` when it is run again.
 *
 * A step that was cut off goes on where it is run again.
 *
 * @throws SALLY_CA_ROTATE where the step before has not reached every folder, and nothing has changed then;
 * SALLY_CA_UNUSABLE, SALLY_CERT_CRL, SALLY_CERTS_MISSING, SALLY_CERT_WRITE, SALLY_CERTS_BUSY.
 * @example
 * ```ts
 * import { rotateCa } from 'sallyport/pki';
 *
 * const { status } = await rotateCa('prepare', { days: 1825 });
 * console.log('copy the folders to their hosts, then:', status.next);
 * ```
 */
export async function rotateCa(step: RotationStep, options: ChangeOptions = {}): Promise<RotationResult> {
  const settings = settingsOf(options);
  return changing(settings.dir, async () => {
    const changed: string[] = [];
    const onChange = (path: string) => {
      options.onChange?.(path);
      changed.push(path);
    };
    const context = { settings, options: { ...options, onChange } };
    const rotation = await rotationIn(context);
    const path = rotation.authorities.state.layout.cert;
    if (rotation.authorities.active === undefined)
      throw CaUnusable({
        path,
        reason: 'is not a certificate in PEM form',
        remedy: makeCommand(settings.dir, { role: 'check' }),
      });
    await steps[step](rotation);
    return { step, changed, status: (await rotationIn(context)).status };
  });
}

const steps: Readonly<Record<RotationStep, (rotation: Rotation) => Promise<void>>> = {
  async prepare(rotation) {
    const { phase } = rotation.status;
    if (phase === 'activated')
      throw refusal(rotation, 'prepare', 'the new CA is active already', [], 'retire');
    if (phase === 'switching')
      throw refusal(rotation, 'prepare', '`activate` or its undoing was cut off', [], 'activate');
    const next = await secondCa(rotation);
    await spread(rotation, [...rotation.authorities.bundle, next]);
  },

  async activate(rotation) {
    const { phase, bundled, folders } = rotation.status;
    if (phase === 'none') throw refusal(rotation, 'activate', 'there is no second CA', [], 'prepare');
    if (phase === 'prepared') {
      const left = folders.filter((folder) => !hasReached(folder));
      if (!bundled || left.length > 0)
        throw refusal(rotation, 'activate', 'the bundle of both CAs has not reached', left, 'prepare');
    }
    assertReissuable(rotation, 'activate', 'new');
    if (phase !== 'activated') await switchTo(rotation, 'next', 'previous');
    await reissue(rotation);
  },

  async retire(rotation) {
    const { phase, folders } = rotation.status;
    if (phase === 'none') throw refusal(rotation, 'retire', 'there is no CA to retire', [], 'prepare');
    if (phase !== 'activated')
      throw refusal(rotation, 'retire', 'the new CA does not issue yet', [], 'activate');
    const left = folders.filter((folder) => !isOfNewCa(folder));
    if (left.length > 0)
      throw refusal(rotation, 'retire', 'certificates of the old CA are left in', left, 'activate');
    const { bundle, previous } = rotation.authorities;
    const old = rotation.status.old?.fingerprint;
    // First the bundle that new folders get: from then on the step can only be finished.
    await spread(rotation, bundle, old);
    await vacate(rotation, previous);
  },

  async undo(rotation) {
    const { phase, bundled, folders, old, new: second } = rotation.status;
    if (phase === 'none') throw refusal(rotation, 'undo', 'nothing is under way', [], 'prepare');
    if (phase === 'activated' && !bundled)
      throw refusal(rotation, 'undo', '`retire` has begun, and it can only be finished', [], 'retire');
    if (phase !== 'prepared') {
      assertReissuable(rotation, 'undo', 'old');
      await switchTo(rotation, 'previous', 'next');
      await reissue(rotation);
    } else if (folders.some(({ issuedBy }) => issuedBy === 'new')) {
      // Undoing `activate` was cut off: the CA is back, some certificates are not.
      assertReissuable(rotation, 'undo', 'old');
      await reissue(rotation);
    } else {
      if (old && second && old.fingerprint !== second.fingerprint)
        await spread(rotation, rotation.authorities.bundle, second.fingerprint);
      await vacate(rotation, rotation.authorities.next);
    }
  },
};

/** A revoked certificate must not come back to life as a new one, and one of another CA is not ours to reissue. */
function assertReissuable(rotation: Rotation, step: RotationStep, to: 'old' | 'new'): void {
  const { folders, dir } = rotation.status;
  const due = folders.filter(({ issuedBy }) => issuedBy !== to && issuedBy !== 'none');
  const foreign = due.filter(({ issuedBy }) => issuedBy === 'neither');
  const revoked = due.filter((folder) => folder.revoked);
  if (foreign.length > 0)
    throw RotationRefused({
      step,
      reason: 'these have certificates of neither CA',
      folders: foreign.map(({ folder }) => folder),
      remedy: makeCommand(dir, { role: 'check' }),
    });
  if (revoked.length > 0) {
    const names = revoked.map(({ name }) => name);
    throw RotationRefused({
      step,
      reason: 'these are revoked, and would be given a new certificate',
      folders: revoked.map(({ folder }) => folder),
      remedy: `where they are to have one: ${certsCommandLine(dir, 'renew', ...names, '--force')}; else delete the folders`,
    });
  }
}

function refusal(
  { status: { dir } }: Rotation,
  step: RotationStep,
  reason: string,
  folders: readonly RotationFolder[],
  next: RotationStep,
) {
  return RotationRefused({
    step,
    reason,
    folders: folders.map(({ folder }) => folder),
    remedy: certsCommandLine(dir, 'ca-rotate', next),
  });
}
