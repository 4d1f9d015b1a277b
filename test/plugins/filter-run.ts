import { expect } from 'vitest';
import { CancelSource } from '../../src/cancel.js';
import { globalContext } from '../../src/hooks/index.js';
import { silentLogger } from '../../src/log.js';
import { startLocalPlugin } from '../../src/plugin/local.js';
import { bundledPlugin } from '../../src/plugins/index.js';
import { describePlugin, pluginDefaults } from '../../src/wire/index.js';

/** Starts a bundled plugin, as a plugin file with this config does. */
export async function startFilter(kind: string, config: Record<string, unknown> = {}) {
  const definition = await bundledPlugin(kind);
  if (!definition) return expect.unreachable(`${kind} is not bundled`);
  const deps = { log: silentLogger, describe: describePlugin, defaults: pluginDefaults };
  const plugin = await startLocalPlugin({ name: 'P', kind, config }, definition, deps);
  const state = {};
  return async (hook: string, payload: unknown, user?: string) => {
    const context = { state, metadata: {}, global_context: globalContext('1', user ? { user } : {}) };
    const { result } = await plugin.invoke(hook, payload, context, { signal: new CancelSource() });
    return result;
  };
}

/** What becomes of a text in the arguments of a tool, by the field `name`. */
export async function textThrough(kind: string, config: Record<string, unknown>, name = 'text') {
  const call = await startFilter(kind, config);
  return async (text: string): Promise<string> => {
    const { continue_processing, modified_payload } = await call('tool_pre_invoke', {
      name: 't',
      args: { [name]: text },
    });
    expect(continue_processing).toBe(true);
    const { args } = (modified_payload ?? { args: { [name]: text } }) as { args: Record<string, string> };
    return args[name] ?? '';
  };
}
