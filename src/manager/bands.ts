import { ChangesClash } from '../errors.js';
import { hookRow } from '../hooks/index.js';
import type { PluginHandle } from '../plugin/handle.js';
import type { decide } from './decide.js';
import { mergeChanges } from './merge.js';
import type { Selected } from './select.js';

/** A plugin that was called, and what follows from its outcome. */
export interface Decided {
  readonly plugin: PluginHandle;
  readonly decision: ReturnType<typeof decide>;
}

/** The plugins that run together: one at a time, or all of one priority. */
export function bands(selected: readonly Selected[], parallel: boolean): readonly (readonly Selected[])[] {
  if (!parallel) return selected.map((one) => [one]);
  const byPriority = new Map<number, Selected[]>();
  for (const one of selected) {
    const band = byPriority.get(one.plugin.priority);
    if (band) band.push(one);
    else byPriority.set(one.plugin.priority, [one]);
  }
  return [...byPriority.values()];
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
