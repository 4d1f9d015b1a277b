import { isDeepStrictEqual } from 'node:util';
import type { ModeEffect } from '../config/index.js';
import { ChangesClash, type SallyError } from '../errors.js';
import { type HookResult, hookRow, type Violation } from '../hooks/index.js';
import { isJsonObject } from '../json/index.js';
import type { Outcome, PluginHandle } from '../plugin/handle.js';

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

/** A plugin that was called, and what follows from its outcome. */
export interface Decided {
  readonly plugin: PluginHandle;
  readonly decision: Decision;
}

/** What the plugins of a band changed together; undefined for nothing. Throws where two of them are at odds. */
export function changeOf(
  hook: string,
  payload: unknown,
  answer: unknown,
  decisions: readonly Decided[],
): unknown {
  const changes = [];
  for (const { plugin, decision } of decisions) {
    if (decision.kind === 'continue' && decision.modified !== undefined) {
      changes.push({ plugin: plugin.name, value: decision.modified });
    }
  }
  if (changes.length <= 1) return changes[0]?.value;
  const merged = mergeChanges(changeBase(hook, payload, answer), changes);
  if ('value' in merged) return merged.value;
  const { path, plugins } = merged;
  throw ChangesClash({ hook, path, plugins, priority: decisions[0]?.plugin.priority ?? 0 });
}

/** What a change of this hook is a change of. */
function changeBase(hook: string, payload: unknown, answer: unknown): unknown {
  const changes = hookRow(hook)?.changes ?? 'payload';
  if (changes === 'payload') return payload;
  if (changes === 'answer') return answer ?? {};
  return (payload as Record<string, unknown>)[changes] ?? {};
}

/** What one plugin of a band made of the payload that all of the band were given. */
export interface Change {
  readonly plugin: string;
  readonly value: unknown;
}

/** Two plugins of one band that changed the same field, each in its own way. */
export interface Conflict {
  readonly path: string;
  readonly plugins: readonly [string, string];
}

type Dict = Readonly<Record<string, unknown>>;

const isDict: (value: unknown) => value is Dict = isJsonObject;

/**
 * The changes that plugins made to `base` independently of each other, in one value. Objects are merged field by
 * field; anything else, lists too, is one field. The same change twice is one change.
 */
export function mergeChanges(
  base: unknown,
  changes: readonly Change[],
  path = '',
): { value: unknown } | Conflict {
  const made = changes.filter(({ value }) => !isDeepStrictEqual(value, base));
  const [first, ...others] = made;
  if (first === undefined) return { value: base };
  const other = others.find(({ value }) => !isDeepStrictEqual(value, first.value));
  if (other === undefined) return { value: first.value };
  if (!isDict(base) || !made.every(({ value }) => isDict(value))) {
    return { path: path || 'the payload', plugins: [first.plugin, other.plugin] };
  }
  const merged: [key: string, value: unknown][] = [];
  for (const key of new Set([base, ...made.map(({ value }) => value as Dict)].flatMap(Object.keys))) {
    const fields = made.map(({ plugin, value }) => ({ plugin, value: ownField(value as Dict, key) }));
    const field = mergeChanges(ownField(base, key), fields, path ? `${path}.${key}` : key);
    if ('plugins' in field) return field;
    if (field.value !== undefined) merged.push([key, field.value]);
  }
  // Which makes a field of `__proto__` too.
  return { value: Object.fromEntries(merged) };
}

const ownField = (from: Dict, key: string): unknown => (Object.hasOwn(from, key) ? from[key] : undefined);
