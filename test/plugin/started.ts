import { CancelSource } from '../../src/cancel.js';
import type { PluginEntry } from '../../src/config/index.js';
import { globalContext, type PluginContext } from '../../src/hooks/index.js';
import { createLogger, type Logger, silentLogger } from '../../src/log.js';
import type { PluginHandle } from '../../src/plugin/handle.js';
import { definePlugin, type Hooks, type PluginDefinition } from '../../src/plugin/index.js';
import { startLocalPlugin } from '../../src/plugin/local.js';
import { describePlugin, pluginDefaults } from '../../src/wire/index.js';

export const hook = 'tool_pre_invoke';
/** A context that holds nothing. */
export const context = (): PluginContext => ({ state: {}, metadata: {}, global_context: globalContext('1') });

/** A logger whose warnings and errors are added to `lines`. */
export function logTo(lines: string[]): Logger {
  return createLogger({ level: 'warn', stream: { write: (line) => void lines.push(line) } });
}

/** Starts whatever a module might export as the plugin P. */
export function start(
  definition: unknown,
  entry: Partial<PluginEntry> = {},
  log: Logger = silentLogger,
): Promise<PluginHandle> {
  return startLocalPlugin({ name: 'P', kind: './p.js', ...entry }, definition as PluginDefinition, {
    log,
    describe: describePlugin,
    defaults: pluginDefaults,
  });
}

/** A plugin with these hooks and no config. */
export const withHooks = (hooks: Hooks, entry?: Partial<PluginEntry>) =>
  start(definePlugin({ setup: () => ({ hooks }) }), entry);

/** Calls a hook of a plugin. */
export async function call(
  plugin: PluginHandle,
  payload: unknown = { name: 't' },
  name = hook,
  given = context(),
) {
  return plugin.invoke(name, payload, given, { signal: new CancelSource() });
}
