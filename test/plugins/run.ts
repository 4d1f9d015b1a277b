import { expect } from 'vitest';
import { CancelSource } from '../../src/cancel.js';
import type { PluginEntry } from '../../src/config/index.js';
import {
  type GlobalContext,
  globalContext,
  type HookResult,
  type PluginContext,
} from '../../src/hooks/index.js';
import { silentLogger } from '../../src/log.js';
import type { PluginDefinition } from '../../src/plugin/index.js';
import { startLocalPlugin } from '../../src/plugin/local.js';
import { bundledPlugin } from '../../src/plugins/index.js';
import { describePlugin, pluginDefaults } from '../../src/wire/index.js';

/** A bundled plugin that runs, and what its hooks make of payloads. */
export interface RunningFilter {
  /** Calls a hook; `request` is what the hooks of one request share. */
  call(hook: string, payload: unknown, request?: RequestContext): Promise<HookResult>;
  close(): Promise<void>;
}

/** What belongs to one request. */
export type RequestContext = PluginContext;

let requests = 0;
export const aRequest = (fields: Partial<GlobalContext> = {}): RequestContext => {
  requests += 1;
  return { state: {}, metadata: {}, global_context: globalContext(`r${requests}`, fields) };
};

/** Starts the filter of a kind, or the definition itself, with settings as a file has them. */
export async function startFilter(
  kind: string | PluginDefinition,
  config: Record<string, unknown> = {},
  entry: Partial<PluginEntry> = {},
): Promise<RunningFilter> {
  const definition = typeof kind === 'string' ? await bundledPlugin(kind) : kind;
  if (definition === undefined) return expect.unreachable(`${String(kind)} is not bundled`);
  const deps = { log: silentLogger, describe: describePlugin, defaults: pluginDefaults };
  const named = { name: 'P', kind: typeof kind === 'string' ? kind : 'a filter', config, ...entry };
  const plugin = await startLocalPlugin(named, definition, deps);
  return {
    async call(hook, payload, request = aRequest()) {
      const outcome = await plugin.invoke(hook, payload, request, { signal: new CancelSource() });
      Object.assign(request.state, outcome.context.state);
      return outcome.result;
    },
    close: () => plugin.close(),
  };
}
