import type { HookResult, Hooks, PluginContext } from '../plugin/index.js';
import { modify, proceed } from '../plugin/index.js';
import { isContentText } from './content-text.js';
import { mapTexts, textFilter } from './text/index.js';

/** The hooks of a filter that changes code, of results and resources: in the language that the metadata of the context name. */
export function codeHooks(
  set: { readonly language: string; readonly max_size_kb: number },
  change: (text: string, language: string) => string,
): Hooks {
  const hooks = textFilter((hook, payload, context): HookResult => {
    const language = languageOf(context) ?? set.language;
    const changed = mapTexts(hook, payload, (text, place) =>
      isContentText(place) && Buffer.byteLength(text) <= set.max_size_kb * 1024
        ? change(text, language)
        : text,
    );
    return changed === payload ? proceed() : modify(changed);
  });
  const { tool_post_invoke, resource_post_fetch } = hooks;
  return { tool_post_invoke, resource_post_fetch } as Hooks;
}

function languageOf({ metadata }: PluginContext): string | undefined {
  const { language } = metadata ?? {};
  return typeof language === 'string' ? language.toLowerCase() : undefined;
}
