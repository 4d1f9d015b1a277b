import type { HookResult, Hooks, PluginContext } from '../../plugin/index.js';
import { textHooks } from './walk.js';

/** What a filter makes of a payload, whichever hook it belongs to. */
type TextFilter = (
  hook: string,
  payload: Record<string, unknown>,
  context: PluginContext,
  call: { readonly signal: AbortSignal },
) => HookResult | Promise<HookResult>;

/** The hooks of a filter that does the same in each whose payload has texts. */
export function textFilter(filter: TextFilter): Hooks {
  const hooks = textHooks.map((hook) => [
    hook,
    (payload: Record<string, unknown>, context: PluginContext, call: { readonly signal: AbortSignal }) =>
      filter(hook, payload, context, call),
  ]);
  return Object.fromEntries(hooks) as Hooks;
}
