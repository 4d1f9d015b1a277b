import { z } from 'zod';
import { legacyModeName, onErrorValues, type PluginEntry, pluginModes } from '../config/index.js';

/** Keys whose values are not shown to whoever may ask a plugin server for its configuration. */
const secretKey =
  /pass(word|wd|phrase)?$|secret|token|credential|api[-_]?key|private[-_]?key|^key$|^auth(orization)?$|bearer|cookie|dsn|connection[-_]?string/i;
const hidden = '********';

/** `config` as a peer may see it: values of keys that look like secrets are replaced, at any depth. */
export function hideSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(hideSecrets);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, secretKey.test(key) ? hidden : hideSecrets(inner)]),
  );
}

/** The defaults of the contract, for what neither side's file says. */
export const pluginDefaults = { mode: 'enforce', priority: 100 } as const;

/** A plugin as `get_plugin_config` reports it. `hooks` are those it really has. */
export function describePlugin(entry: PluginEntry, hooks: readonly string[]): Record<string, unknown> {
  const { mcp: _mcp, on_error, mode, config, ...rest } = entry;
  return {
    ...rest,
    hooks,
    tags: entry.tags ?? [],
    // Gateways of the 0.9/1.0 generation reject the newer names.
    mode: legacyModeName(mode ?? pluginDefaults.mode, on_error),
    priority: entry.priority ?? pluginDefaults.priority,
    conditions: entry.conditions ?? [],
    config: hideSecrets(config ?? {}),
  };
}

const strings = z.array(z.string()).nullish();

/** What a gateway takes from a plugin server's report; everything else in it is let pass. */
const PluginReport = z.looseObject({
  name: z.string(),
  hooks: strings,
  mode: z.enum(pluginModes as [string, ...string[]]).nullish(),
  on_error: z.enum(onErrorValues).nullish(),
  priority: z.number().nullish(),
  conditions: z
    .array(
      z.looseObject({
        server_ids: strings,
        tenant_ids: strings,
        tools: strings,
        prompts: strings,
        resources: strings,
        agents: strings,
        user_patterns: strings,
        content_types: strings,
      }),
    )
    .nullish(),
});
export type PluginReport = z.output<typeof PluginReport>;

/** Reads the text of a `get_plugin_config` reply; null where the server has no such plugin. */
export function readPluginReport(text: string): PluginReport | null | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return `no JSON: ${text.slice(0, 200)}`;
  }
  if (value === null || (typeof value === 'object' && Object.keys(value).length === 0)) return null;
  const read = PluginReport.safeParse(value);
  return read.success ? read.data : z.prettifyError(read.error).replaceAll('\n', ' ');
}
