import { type ModeEffect, modeEffect, type PluginSettings } from '../config/index.js';
import type { GlobalContext } from '../hooks/index.js';
import type { PluginHandle } from '../plugin/handle.js';
import { conditionsMatch } from './conditions.js';

/** A plugin that runs for a call, and what its answer leads to. */
export interface Selected {
  readonly plugin: PluginHandle;
  readonly effect: ModeEffect;
}

/**
 * Which plugins run for this hook, payload and context, in which order: lower priority first, and within one
 * priority as the file lists them. The first of the two decisions of a call; a function of its arguments.
 */
export function select(
  plugins: readonly PluginHandle[],
  hook: string,
  payload: unknown,
  context: GlobalContext,
  settings: Pick<PluginSettings, 'failOnPluginError'>,
): Selected[] {
  return selectable(plugins, hook, settings).filter(({ plugin }) =>
    conditionsMatch(plugin.conditions, hook, payload, context),
  );
}

/** The part of it that holds for every payload and context. */
export function selectable(
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
