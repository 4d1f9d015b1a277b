import type { Condition } from '../../config/index.js';
import { ConditionUnmatched, type SallyError } from '../../errors.js';
import { isAliasOf, prefixedName } from '../../hooks/index.js';
import { nearest } from '../../nearest.js';
import type { PluginHandle } from '../../plugin/handle.js';

/** The conditions that name what is at an upstream, and whose lists say all that is there. */
export const listedKeys = ['tools', 'prompts'] as const;
type ListedKey = (typeof listedKeys)[number];

/** What an upstream has by its own names; no list where it was not to be had. */
export interface Offered extends Readonly<Record<ListedKey, ReadonlySet<string> | undefined>> {
  readonly upstream: string;
}

type Conditional = Pick<PluginHandle, 'name' | 'mode' | 'conditions'>;

/** Whether some condition needs the lists of upstreams to be judged. */
export function needsLists(plugins: readonly Conditional[]): boolean {
  return plugins.some(
    ({ mode, conditions }) =>
      mode !== 'disabled' && conditions.some((one) => listedKeys.some((key) => one[key]?.length)),
  );
}

/**
 * What conditions name that no upstream has: nothing would ever be asked of their plugin there, and nobody would notice.
 * A name counts only where the lists are known of all upstreams that might have it.
 */
export function unmatchedConditions(
  plugins: readonly Conditional[],
  offered: readonly Offered[],
): SallyError[] {
  const found = new Map<string, SallyError>();
  for (const { name: plugin, mode, conditions } of plugins) {
    if (mode === 'disabled') continue;
    for (const condition of conditions) {
      for (const { key, name, meant } of unmatched(condition, offered))
        found.set(JSON.stringify([plugin, key, name]), ConditionUnmatched({ plugin, key, name, meant }));
    }
  }
  return [...found.values()];
}

function* unmatched(condition: Condition, offered: readonly Offered[]) {
  const { server_ids: servers = [] } = condition;
  const upstreams = offered.map(({ upstream }) => upstream);
  for (const name of servers)
    if (!upstreams.includes(name)) yield { key: 'server_ids', name, meant: nearest(name, upstreams) };
  const there = offered.filter(({ upstream }) => servers.length === 0 || servers.includes(upstream));
  for (const key of listedKeys) {
    if (there.some((one) => one[key] === undefined)) continue;
    const names = there.flatMap(({ upstream, [key]: own = [] }) =>
      [...own].flatMap((name) => [name, prefixedName(upstream, name)]),
    );
    for (const name of condition[key] ?? [])
      if (!names.includes(name) && !names.some((one) => isAliasOf(name, one)))
        yield { key, name, meant: nearest(name, names) };
  }
}
