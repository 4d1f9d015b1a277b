import type { ModeEffect } from '../config/index.js';
import type { SallyError } from '../errors.js';
import type { HookResult, Violation } from '../hooks/index.js';
import type { Outcome } from '../plugin/handle.js';

/** What it means for the request. */
export type Decision =
  | { readonly kind: 'continue'; readonly modified?: unknown; readonly note?: Note }
  | { readonly kind: 'block'; readonly result: HookResult }
  | { readonly kind: 'fail'; readonly error: SallyError };

/** What would have ended the request under a stricter mode: logged. */
type Note =
  | { readonly kind: 'violation'; readonly violation: Violation | null }
  | { readonly kind: 'error'; readonly error: SallyError };

const unchanged: Decision = { kind: 'continue' };

/** What an outcome means under a mode. The second of the two decisions of a call; a function of its arguments. */
export function decide(effect: ModeEffect, outcome: Outcome): Decision {
  if (outcome.kind === 'failed') {
    return effect.onError === 'block'
      ? { kind: 'fail', error: outcome.error }
      : { kind: 'continue', note: { kind: 'error', error: outcome.error } };
  }
  if (outcome.kind === 'untouched') return unchanged;
  const { result } = outcome.outcome;
  const changed =
    effect.modifies && result.modified_payload !== null && result.modified_payload !== undefined;
  const modified = changed ? { modified: result.modified_payload } : {};
  if (result.continue_processing) return { kind: 'continue', ...modified };
  if (effect.onViolation === 'block') return { kind: 'block', result };
  return { kind: 'continue', ...modified, note: { kind: 'violation', violation: result.violation ?? null } };
}
