import { isDeepStrictEqual } from 'node:util';
import { type Condition, type ModeEffect, modeEffect, type PluginSettings } from '../config/index.js';
import { ChangesClash, type SallyError } from '../errors.js';
import {
  askOf,
  type GlobalContext,
  type HookResult,
  hookRow,
  isAliasOf,
  looksLikeAlias,
  prefixedName,
  unprefixedNames,
  type Violation,
} from '../hooks/index.js';
import { isJsonObject } from '../json/index.js';
import type { Outcome, PluginHandle } from '../plugin/handle.js';

/** The plugins of a manager, ready to be selected from: what a call costs does not grow with those that do not apply. */
export interface PluginList {
  /**
   * Which plugins run for this hook, payload and context, in which order: lower priority first, and within one
   * priority as the file lists them. The first of the two decisions of a call.
   */
  select(hook: string, payload: unknown, context: GlobalContext): readonly Selected[];
}

/** A plugin that has the hook, and its place in the order. */
interface Candidate extends Selected {
  readonly rank: number;
}

/** What a call has one value of, and a condition lists the values of. */
const keys = ['payload', 'server', 'tenant'] as const;
type Key = (typeof keys)[number];
const sourceKeys = ['always', ...keys] as const;

/** The candidates of one hook: those that a value of the call leads to, and those that are looked at each time. */
type HookIndex = Readonly<Record<Key, ReadonlyMap<unknown, readonly Candidate[]>>> & {
  readonly always: readonly Candidate[];
};

/** Names of hooks that are kept; they come from whoever calls. */
const maxHooks = 256;

/** An index over plugins, made anew where one of them says that it has changed. */
export function createPluginList(
  plugins: readonly PluginHandle[],
  settings: Pick<PluginSettings, 'failOnPluginError'>,
): PluginList {
  const byHook = new Map<string, HookIndex>();
  for (const plugin of plugins) plugin.onChange?.(() => byHook.clear());
  const indexOf = (hook: string): HookIndex => {
    if (byHook.size >= maxHooks) byHook.clear();
    const made = createIndex(hook, selectable(plugins, hook, settings));
    byHook.set(hook, made);
    return made;
  };
  return {
    select(hook, payload, context) {
      const index = byHook.get(hook) ?? indexOf(hook);
      const found: Candidate[] = [];
      let sources = 0;
      for (const key of sourceKeys) {
        if (key !== 'always' && index[key].size === 0) continue;
        const list = key === 'always' ? index.always : index[key].get(callValue(key, hook, payload, context));
        if (list === undefined || list.length === 0) continue;
        sources += 1;
        for (const one of list) {
          const { conditions } = one.plugin;
          if (conditions.length === 0 || conditionsMatch(conditions, hook, payload, context)) found.push(one);
        }
      }
      return sources > 1 ? found.sort((a, b) => a.rank - b.rank) : found;
    },
  };
}

function createIndex(hook: string, selected: readonly Selected[]): HookIndex {
  const lists = { payload: new Map(), server: new Map(), tenant: new Map() } as Record<
    Key,
    Map<string, Candidate[]>
  >;
  const always: Candidate[] = [];
  selected.forEach((one, rank) => {
    const candidate = { ...one, rank };
    const key = keys.find((name) => everyLists(one.plugin.conditions, name, hook));
    if (key === undefined) {
      always.push(candidate);
      return;
    }
    const listed = one.plugin.conditions.flatMap((condition) => listOf(condition, key, hook));
    const values = key === 'payload' ? listed.flatMap((name) => [name, ...unprefixedNames(name)]) : listed;
    for (const value of new Set(values)) {
      const list = lists[key].get(value);
      if (list) list.push(candidate);
      else lists[key].set(value, [candidate]);
    }
  });
  return { ...lists, always };
}

/** Whether every condition needs one of the values that it lists: then a call without them cannot match. */
function everyLists(conditions: readonly Condition[], key: Key, hook: string): boolean {
  return (
    conditions.length > 0 &&
    conditions.every((condition) => {
      const listed = listOf(condition, key, hook);
      // What an alias stands for is seen only once there is a name to compare it with.
      return listed.length > 0 && !(key === 'payload' && listed.some(looksLikeAlias));
    })
  );
}

function listOf(condition: Condition, key: Key, hook: string): readonly string[] {
  if (key === 'server') return condition.server_ids ?? [];
  if (key === 'tenant') return condition.tenant_ids ?? [];
  const match = hookRow(hook)?.match;
  return (match && condition[match.condition]) ?? [];
}

function callValue(key: Key, hook: string, payload: unknown, context: GlobalContext): unknown {
  if (key === 'server') return context.server_id;
  if (key === 'tenant') return context.tenant_id;
  const field = hookRow(hook)?.match?.field;
  return field === undefined ? undefined : (payload as Record<string, unknown> | null)?.[field];
}

/** A plugin that runs for a call, and what its result leads to. */
export interface Selected {
  readonly plugin: PluginHandle;
  readonly effect: ModeEffect;
}

/** Those that have the hook, whatever the payload and the context: in their order, with what their results lead to. */
function selectable(
  plugins: readonly PluginHandle[],
  hook: string,
  settings: Pick<PluginSettings, 'failOnPluginError'>,
): Selected[] {
  return plugins
    .flatMap((plugin): Selected[] => {
      if (plugin.hooks !== undefined && !plugin.hooks.includes(hook)) return [];
      const effect = modeEffect(plugin.mode, plugin.onError);
      if (effect === null) return [];
      return [{ plugin, effect: settings.failOnPluginError ? { ...effect, onError: 'block' } : effect }];
    })
    .sort((a, b) => a.plugin.priority - b.plugin.priority);
}

/**
 * Whether a plugin's conditions let it run: there are none, or one of them matches. Inside one every present
 * field must match. A field that the call has no value for does not match: a condition can only narrow.
 */
export function conditionsMatch(
  conditions: readonly Condition[],
  hook: string,
  payload: unknown,
  context: GlobalContext,
): boolean {
  return (
    conditions.length === 0 || conditions.some((condition) => matches(condition, hook, payload, context))
  );
}

function matches(condition: Condition, hook: string, payload: unknown, context: GlobalContext): boolean {
  const { server_ids, tenant_ids, user_patterns, content_types } = condition;
  return (
    within(server_ids, context.server_id) &&
    within(tenant_ids, context.tenant_id) &&
    (!user_patterns?.length ||
      user_patterns.some((pattern) => userNames(context.user).some((user) => user.includes(pattern)))) &&
    within(
      content_types?.map((type) => type.toLowerCase()),
      mediaType(context.content_type),
    ) &&
    payloadMatches(condition, hook, payload, context.server_id)
  );
}

/** Names count as the server has them, which the payload does, and as clients see them, aliases too, which is what people know. */
function payloadMatches(
  condition: Condition,
  hook: string,
  payload: unknown,
  server: string | null | undefined,
): boolean {
  const match = hookRow(hook)?.match;
  const allowed = match && condition[match.condition];
  if (match === undefined || !allowed?.length) return true;
  const value = (payload as Record<string, unknown> | null)?.[match.field];
  if (typeof value !== 'string') return false;
  if (allowed.includes(value)) return true;
  const full = typeof server === 'string' ? prefixedName(server, value) : value;
  return allowed.includes(full) || allowed.some((name) => isAliasOf(name, full) || isAliasOf(name, value));
}

function within(allowed: readonly string[] | undefined, value: string | null | undefined): boolean {
  return !allowed?.length || (value !== null && value !== undefined && allowed.includes(value));
}

/** Newer peers send the user as an object: any of the names in it may match. */
function userNames(user: GlobalContext['user']): string[] {
  if (typeof user === 'string') return [user];
  return [user?.['email'], user?.['id'], user?.['name'], user?.['sub']].filter(
    (name) => typeof name === 'string',
  );
}

/** `application/json` out of `application/json; charset=utf-8`. */
function mediaType(contentType: string | null | undefined): string | undefined {
  return contentType?.split(';')[0]?.trim().toLowerCase();
}

/** What an outcome of a plugin means for the request. */
export type Decision =
  | { readonly kind: 'continue'; readonly modified?: unknown; readonly note?: Note }
  | { readonly kind: 'block'; readonly result: HookResult }
  /** A person is to decide; whoever runs the hook has said that it asks one. */
  | { readonly kind: 'ask'; readonly violation: Violation }
  | { readonly kind: 'fail'; readonly error: SallyError };

/** What would have ended the request under a stricter mode: logged. */
type Note =
  | { readonly kind: 'violation'; readonly violation: Violation | null }
  | { readonly kind: 'error'; readonly error: SallyError };

const unchanged: Decision = { kind: 'continue' };

/**
 * What an outcome means under a mode. The second of the two decisions of a call; a function of its arguments. `asks`: whether
 * somebody can be asked; where not, a question is a block.
 */
export function decide(effect: ModeEffect, outcome: Outcome, asks = false): Decision {
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
  if (effect.onViolation === 'block') {
    const { violation } = result;
    return asks && violation && askOf(violation) ? { kind: 'ask', violation } : { kind: 'block', result };
  }
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
  modified: unknown,
  decisions: readonly Decided[],
): unknown {
  const changes = [];
  for (const { plugin, decision } of decisions) {
    if (decision.kind === 'continue' && decision.modified !== undefined) {
      changes.push({ plugin: plugin.name, value: decision.modified });
    }
  }
  if (changes.length <= 1) return changes[0]?.value;
  const merged = mergeChanges(changeBase(hook, payload, modified), changes);
  if ('value' in merged) return merged.value;
  const { path, plugins } = merged;
  throw ChangesClash({ hook, path, plugins, priority: decisions[0]?.plugin.priority ?? 0 });
}

/** What a change of this hook is a change of. */
function changeBase(hook: string, payload: unknown, modified: unknown): unknown {
  const changes = hookRow(hook)?.changes ?? 'payload';
  if (changes === 'payload') return payload;
  if (changes === 'answer') return modified ?? {};
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
