import { z } from 'zod';
import type { Cancellation } from '../cancel.js';
import {
  legacyModeName,
  looksSecret,
  modeEffect,
  onErrorValues,
  type PluginEntry,
  pluginKeys,
  pluginModes,
} from '../config/index.js';
import { findSallyError } from '../errors.js';
import { parseJson } from '../json/index.js';

/** The three tools by which a gateway speaks to a plugin server, and the one that servers of ours have beside them. */
export const toolNames = {
  pluginConfigs: 'get_plugin_configs',
  pluginConfig: 'get_plugin_config',
  invokeHook: 'invoke_hook',
  invokeHooks: 'invoke_hooks',
} as const;

const object = { type: 'object' as const };
const text = { type: 'string' as const };

/** What a tool answered. */
export interface ToolReply {
  /** The texts of the text items. */
  readonly texts: readonly string[];
  /** What the server says beside the result: `_meta` of MCP. */
  readonly meta: Readonly<Record<string, unknown>>;
}

/** What a hook call needs of a connection. */
export interface ToolConnection {
  /** The other end, as a sentence names it. */
  readonly peer: string;
  /** Calls a tool; its arguments are an object written as JSON, `headers` go with it. Rejects with a SallyError. */
  call(tool: string, args: string, signal: Cancellation, headers?: CallHeaders): Promise<ToolReply>;
}

/** Headers of HTTP that go with a call, such as `traceparent`; over stdio in `_meta`. */
export type CallHeaders = Readonly<Record<string, string>> | undefined;

/** Whose numbers come as they were written, where `exactNumbers` says so. */
export type ExactConnection = Pick<ToolConnection, 'peer'> & { readonly exactNumbers: boolean };

/** Whether a reply of this tool may be without a text: a server without plugins has nothing to list. */
export const mayBeEmpty = (tool: string): boolean => tool === toolNames.pluginConfigs;

/**
 * The tools, as `tools/list` shows them: those of the contract first. `invoke_hook` declares no `outputSchema`: its reply is
 * read from the text item by every peer, and a client would check a structured one that it does not use.
 */
export const toolList = [
  {
    name: toolNames.pluginConfigs,
    description: 'The configuration of every plugin on this server, one text item each.',
    inputSchema: { ...object, properties: {} },
  },
  {
    name: toolNames.pluginConfig,
    description: 'The configuration of one plugin, {} where there is none of that name.',
    inputSchema: { ...object, properties: { name: text }, required: ['name'] },
  },
  {
    name: toolNames.invokeHook,
    description: 'Runs one hook of one plugin on a payload.',
    inputSchema: {
      ...object,
      properties: { hook_type: text, plugin_name: text, payload: object, context: object },
      required: ['hook_type', 'plugin_name', 'payload', 'context'],
    },
  },
  {
    name: toolNames.invokeHooks,
    description: 'Runs one hook of several plugins in a row, each on what the one before it left.',
    inputSchema: {
      ...object,
      properties: {
        hook_type: text,
        payload: object,
        global_context: object,
        timeout_ms: { type: 'number' as const },
        plugins: { type: 'array' as const, items: object },
      },
      required: ['hook_type', 'payload', 'global_context', 'timeout_ms', 'plugins'],
    },
  },
];

const hidden = '********';

/**
 * `config` as whoever may ask a plugin server for it sees it: texts, lists and objects under keys that look like
 * secrets are replaced, at any depth. Numbers and flags are not secrets: `max_tokens` stays.
 */
export function hideSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(hideSecrets);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      looksSecret(key) && mayHide(inner) ? hidden : hideSecrets(inner),
    ]),
  );
}

const mayHide = (value: unknown): boolean =>
  typeof value === 'string' || (typeof value === 'object' && value !== null);

/** The defaults of the contract, for what neither side's file says. */
export const pluginDefaults = {
  mode: pluginKeys.mode.default,
  priority: pluginKeys.priority.default,
} as const;

/** A plugin as `get_plugin_config` reports it. `hooks` are those it really has. */
export function describePlugin(entry: PluginEntry, hooks: readonly string[]): Record<string, unknown> {
  const { mcp: _mcp, on_error, mode = pluginDefaults.mode, config, ...rest } = entry;
  const lenient = modeEffect(mode, on_error)?.onError === 'log';
  return {
    ...rest,
    hooks,
    tags: entry.tags ?? [],
    // Gateways of the 0.9/1.0 generation reject the newer names.
    mode: legacyModeName(mode, on_error),
    // Newer ones read the older name as a mode that fails on errors, where they are not told otherwise.
    ...(lenient && { on_error: on_error ?? 'ignore' }),
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
  max_content_size: z.number().nullish(),
  result_content: z.enum(['full', 'none']).nullish(),
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
    value = parseJson(text, { what: 'the reply' });
  } catch (error) {
    const refusal = findSallyError(error);
    if (refusal) throw refusal;
    return `no JSON: ${text.slice(0, 200)}`;
  }
  if (value === null || (typeof value === 'object' && Object.keys(value).length === 0)) return null;
  const read = PluginReport.safeParse(value);
  return read.success ? read.data : z.prettifyError(read.error).replaceAll('\n', ' ');
}
