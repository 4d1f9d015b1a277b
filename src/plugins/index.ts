import type { PluginDefinition } from '../plugin/index.js';
import { searchReplace } from './search-replace.js';

/** The plugins that come in the box, by every `kind` that names them. */
export const bundledPlugins: ReadonlyMap<string, PluginDefinition> = new Map([
  ['sallyport/search-replace', searchReplace as PluginDefinition],
  // The name under which ContextForge has it, so that its plugin files run unchanged.
  ['plugins.regex_filter.search_replace.SearchReplacePlugin', searchReplace as PluginDefinition],
]);
