import type { PluginEntry } from '../config/index.js';
import { PluginDisabled } from '../errors.js';
import type { PluginHandle } from './handle.js';

/** A plugin that never runs: neither its module nor its server is looked for. */
export function disabledPlugin(
  entry: PluginEntry,
  deps: {
    describe: (entry: PluginEntry, hooks: readonly string[]) => Record<string, unknown>;
    defaults: { priority: number };
  },
): PluginHandle {
  const hooks = entry.hooks ?? [];
  return {
    name: entry.name,
    hooks,
    mode: 'disabled',
    onError: entry.on_error,
    priority: entry.priority ?? deps.defaults.priority,
    conditions: entry.conditions ?? [],
    describe: () => deps.describe(entry, hooks),
    invoke: () => Promise.reject(PluginDisabled({ plugin: entry.name })),
    close: async () => {},
  };
}
