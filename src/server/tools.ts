import type { CallToolResult } from '@modelcontextprotocol/server';
import type { Cancellation } from '../cancel.js';
import { chainMeta, readNameArgument, toolNames } from '../wire/index.js';
import { invokeHooks } from './chain.js';
import { invokeHook, type ToolDeps } from './hook.js';

/** What our tools answer: the lane writes these fields, and no others. */
export type ToolResult = Pick<CallToolResult, 'content' | 'structuredContent' | '_meta'>;

/** A tool. It may be given away its arguments. */
export type Tool = (args: unknown, deps: ToolDeps, signal: Cancellation) => Promise<ToolResult>;

const text = (value: string) => ({ type: 'text' as const, text: value });

/** The tools, by name. Rejects with a SallyError only where the arguments are not of the contract. */
export const tools: Readonly<Record<string, Tool>> = {
  async [toolNames.pluginConfigs](_args, { plugins }) {
    const configs = plugins.plugins.map((plugin) => plugin.describe());
    return {
      content: configs.map((config) => text(JSON.stringify(config))),
      structuredContent: { result: configs },
      _meta: chainMeta,
    };
  },

  async [toolNames.pluginConfig](args, { plugins }) {
    const plugin = plugins.find(readNameArgument(args));
    return { content: [text(JSON.stringify(plugin?.describe() ?? {}))], _meta: chainMeta };
  },

  async [toolNames.invokeHook](args, deps, signal) {
    return { content: [text(await invokeHook(args, deps, signal))] };
  },

  async [toolNames.invokeHooks](args, deps, signal) {
    return { content: [text(await invokeHooks(args, deps, signal))] };
  },
};
