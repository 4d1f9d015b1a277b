/** The three tools by which a gateway speaks to a plugin server, and the one that servers of ours have beside them. */
export const toolNames = {
  pluginConfigs: 'get_plugin_configs',
  pluginConfig: 'get_plugin_config',
  invokeHook: 'invoke_hook',
  invokeHooks: 'invoke_hooks',
} as const;

const object = { type: 'object' as const };
const text = { type: 'string' as const };

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
