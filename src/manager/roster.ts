import type { Condition, PluginSettings } from '../config/index.js';
import { type GlobalContext, hookRow } from '../hooks/index.js';
import type { PluginHandle } from '../plugin/handle.js';
import { conditionsMatch } from './conditions.js';
import { type Selected, selectable } from './select.js';

/** The plugins of a manager, ready to be selected from: what a call costs does not grow with those that do not apply. */
export interface Roster {
  /** The same as `select` over all of them. */
  select(hook: string, payload: unknown, context: GlobalContext): readonly Selected[];
}

/** A plugin that has the hook, and its place in the order. */
interface Candidate extends Selected {
  readonly rank: number;
}

/** What a call has one value of, and a condition lists the values of. */
const keys = ['payload', 'server', 'tenant'] as const;
type Key = (typeof keys)[number];

/** The candidates of one hook: those that a value of the call leads to, and those that are looked at each time. */
type HookIndex = Readonly<Record<Key, ReadonlyMap<string, readonly Candidate[]>>> & {
  readonly always: readonly Candidate[];
};

/** Names of hooks that are kept; they come from whoever calls. */
const maxHooks = 256;

/** An index over plugins, made anew where one of them says that it has changed. */
export function createRoster(
  plugins: readonly PluginHandle[],
  settings: Pick<PluginSettings, 'failOnPluginError'>,
): Roster {
  const byHook = new Map<string, HookIndex>();
  for (const plugin of plugins) plugin.onChange?.(() => byHook.clear());
  const indexOf = (hook: string): HookIndex => {
    const known = byHook.get(hook);
    if (known !== undefined) return known;
    if (byHook.size >= maxHooks) byHook.clear();
    const made = createIndex(hook, selectable(plugins, hook, settings));
    byHook.set(hook, made);
    return made;
  };
  return {
    select(hook, payload, context) {
      const index = indexOf(hook);
      const found: Candidate[] = [];
      let sources = 0;
      for (const list of [index.always, ...keys.map((key) => at(index, key, hook, payload, context))]) {
        if (list === undefined || list.length === 0) continue;
        sources += 1;
        for (const one of list) {
          if (conditionsMatch(one.plugin.conditions, hook, payload, context)) found.push(one);
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
    for (const value of new Set(one.plugin.conditions.flatMap((condition) => listOf(condition, key, hook)))) {
      const list = lists[key].get(value);
      if (list) list.push(candidate);
      else lists[key].set(value, [candidate]);
    }
  });
  return { ...lists, always };
}

/** Whether every condition needs one of the values that it lists: then a call without them cannot match. */
function everyLists(conditions: readonly Condition[], key: Key, hook: string): boolean {
  return conditions.length > 0 && conditions.every((condition) => listOf(condition, key, hook).length > 0);
}

function listOf(condition: Condition, key: Key, hook: string): readonly string[] {
  if (key === 'server') return condition.server_ids ?? [];
  if (key === 'tenant') return condition.tenant_ids ?? [];
  const match = hookRow(hook)?.match;
  return (match && condition[match.condition]) ?? [];
}

function at(
  index: HookIndex,
  key: Key,
  hook: string,
  payload: unknown,
  context: GlobalContext,
): readonly Candidate[] | undefined {
  if (index[key].size === 0) return undefined;
  const value = callValue(key, hook, payload, context);
  return typeof value === 'string' ? index[key].get(value) : undefined;
}

function callValue(key: Key, hook: string, payload: unknown, context: GlobalContext): unknown {
  if (key === 'server') return context.server_id;
  if (key === 'tenant') return context.tenant_id;
  const field = hookRow(hook)?.match?.field;
  return field === undefined ? undefined : (payload as Record<string, unknown> | null)?.[field];
}
