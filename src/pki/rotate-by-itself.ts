import { CaUnusable } from '../errors.js';
import type { ChangeOptions } from './change.js';
import { layoutOf, settingsOf } from './folder.js';
import { replaceCa } from './judge.js';
import { type RotationResult, rotateCa } from './rotate.js';
import {
  hasReached,
  isOfNewCa,
  type RotationPhase,
  type RotationStatus,
  type RotationStep,
  rotationStatus,
} from './rotate-state.js';
import { defaultDue, dueAt, opensslDate } from './validity.js';

/**
 * The step that is due by now, or when one will be: a CA is replaced from when a third of its life is left on, and each step
 * follows the one before when that has reached every folder here and `waitMs` has passed: other hosts cannot be seen.
 */
function dueStep(
  { phase, bundled, folders, old, since }: RotationStatus,
  waitMs: number,
  now: Date,
): { readonly step: RotationStep } | { readonly dueAt: Date } {
  const from = (dueAt: Date, step: RotationStep) => (now < dueAt ? { dueAt } : { step });
  const waited = new Date((since ?? now).getTime() + waitMs);
  if (phase === 'none') return from(old ? dueAt(old, defaultDue) : now, 'prepare');
  if (phase === 'switching') return { step: 'activate' };
  if (phase === 'prepared')
    return bundled && folders.every(hasReached) ? from(waited, 'activate') : { step: 'prepare' };
  if (!bundled) return { step: 'retire' };
  return folders.every(isOfNewCa) ? from(waited, 'retire') : { step: 'activate' };
}

/**
 * Replaces the CA as time goes by, a step at most with each call: see `dueStep`. `days` and `keyType` are of certificates; a new
 * CA has those of the one before, and 825 days at least.
 *
 * @returns the step that was done, or when the next one is due.
 * @throws as `rotateCa`; SALLY_CA_UNUSABLE where the CA has ended.
 * @example
 * ```ts
 * import { advanceRotation } from 'sallyport/pki';
 *
 * const { done, dueAt } = await advanceRotation({ waitMs: 7 * 86_400_000 });
 * console.log(done ? `${done.step} is done` : `the next step is due ${dueAt?.toISOString()}`);
 * ```
 */
export async function advanceRotation(
  options: ChangeOptions & { readonly waitMs: number },
): Promise<{ readonly done?: RotationResult; readonly dueAt?: Date; readonly phase: RotationPhase }> {
  const { dir, now } = settingsOf(options);
  const status = await rotationStatus({ dir });
  const next = dueStep(status, options.waitMs, now);
  if (!('step' in next)) return { ...next, phase: status.phase };
  const { step } = next;
  if (step === 'prepare' && status.old && status.old.notAfter <= now) {
    const reason = `expired on ${opensslDate(status.old.notAfter)}`;
    throw CaUnusable({
      path: layoutOf(dir, { role: 'ca' }).cert,
      reason,
      remedy: replaceCa(dir, status.old.notAfter, { now }),
    });
  }
  const { days: _, keyType: __, ...asBefore } = options;
  const done = await rotateCa(step, step === 'prepare' ? asBefore : options);
  const after = dueStep(done.status, options.waitMs, now);
  return { done, phase: done.status.phase, dueAt: 'dueAt' in after ? after.dueAt : now };
}
