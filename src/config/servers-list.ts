import { ConfigMissingKey, ConfigWrongType } from '../errors.js';
import { type ConfigNode, type MapEntry, type MapNode, parseYaml } from './document.js';
import { Problems } from './problems.js';

/** One entry of a list of servers. */
export interface Entry extends MapEntry {
  /** Such as `mcpServers.files`. */
  readonly path: string;
}

const listKeys = ['mcpServers', 'servers', 'context_servers'];

/** The entries of the lists of servers of a file. */
export function entriesOf(document: ConfigNode, problems: Problems): readonly Entry[] {
  const entries = document.kind === 'map' ? document.entries : [];
  const inner = entries.find(({ key }) => key === 'mcp')?.value;
  const within = inner?.kind === 'map' ? inner.entries : [];
  const lists = [...entries, ...within].filter(
    // `extensions` are much else elsewhere.
    ({ key, value }) => listKeys.includes(key) || (key === 'extensions' && isListOfServers(value)),
  );
  // opencode has them in `mcp` itself, and a plugin of Claude Code in the file itself.
  if (lists.length === 0 && inner && isListOfServers(inner))
    lists.push({ key: 'mcp', value: inner, place: inner.place });
  if (lists.length === 0 && document.kind === 'map' && isListOfServers(document))
    return document.entries.map((entry) => ({ ...entry, path: entry.key }));
  if (lists.length === 0 && document.kind !== 'broken')
    problems.add(ConfigMissingKey({ at: document.place, key: 'mcpServers', within: 'the file' }));
  return lists.flatMap(({ key, value, place }) => {
    const found = value.kind === 'map' ? value.entries : namedItems(value);
    if (found === undefined && value.kind !== 'broken')
      problems.add(ConfigWrongType({ at: place, key, expected: 'a map', seen: 'something else' }));
    return (found ?? []).map((entry) => ({ ...entry, path: `${key}.${entry.key}` }));
  });
}

/** Keys of a plugin file. */
const pluginFileKeys = ['plugins', 'gateway', 'server_settings', 'plugin_settings', 'plugin_dirs'];

/** Whether a file is a list of servers, as editors keep it, by the looks of it; one that is broken by its name. */
export function isServersFile(text: string, path: string): boolean {
  const problems = new Problems();
  const isJson = /\.jsonc?$/i.test(path);
  const document = parseYaml(isJson ? plainJson(text) : text, path, problems);
  if (document?.kind !== 'map') return isJson && !/"(?:plugins|gateway|server_settings)"\s*:/.test(text);
  if (document.entries.some(({ key }) => pluginFileKeys.includes(key))) return false;
  entriesOf(document, problems);
  return problems.inOrder().length === 0;
}

const valueAt = (node: ConfigNode | undefined, key: string): ConfigNode | undefined =>
  node?.kind === 'map' ? node.entries.find((entry) => entry.key === key)?.value : undefined;

const scalarAt = (node: ConfigNode | undefined, key: string): unknown => {
  const value = valueAt(node, key);
  return value?.kind === 'scalar' ? value.value : undefined;
};

/** Whether every entry of a map is a server by the looks of it. */
function isListOfServers(node: ConfigNode): boolean {
  const starts = ['command', 'cmd', 'url', 'serverUrl', 'httpUrl', 'uri'];
  const isServer = (value: ConfigNode) =>
    starts.some((key) => valueAt(value, key) !== undefined) || scalarAt(value, 'type') !== undefined;
  return node.kind === 'map' && node.entries.length > 0 && node.entries.every(({ value }) => isServer(value));
}

/** Continue has a list of maps, each with its name. */
function namedItems(node: ConfigNode): readonly MapEntry[] | undefined {
  if (node.kind !== 'list' || node.items.length === 0) return undefined;
  const named = node.items.map((value) => ({ key: scalarAt(value, 'name'), value, place: value.place }));
  return named.every(({ key }) => typeof key === 'string') ? (named as MapEntry[]) : undefined;
}

/** Whether a file has a server on by its name: Gemini CLI and Claude Code have lists of those that are, or are not. */
export function wanted(root: MapNode): (name: string) => boolean {
  const names = (node: ConfigNode | undefined, key: string) => {
    const list = valueAt(node, key);
    return list?.kind === 'list'
      ? list.items.map((item) => (item.kind === 'scalar' ? item.text : ''))
      : undefined;
  };
  const mcp = valueAt(root, 'mcp');
  const only = [names(mcp, 'allowed'), names(root, 'allowMCPServers')].filter((list) => list !== undefined);
  const not = ['excludeMCPServers', 'disabledMcpServers', 'disabledMcpjsonServers', 'disabledServers'];
  const never = [...(names(mcp, 'excluded') ?? []), ...not.flatMap((key) => names(root, key) ?? [])];
  return (name) => !never.includes(name) && only.every((list) => list.includes(name));
}

export function isOff(node: ConfigNode): boolean {
  return scalarAt(node, 'disabled') === true || scalarAt(node, 'enabled') === false;
}

/**
 * JSON with comments, trailing commas and a byte order mark, as plain JSON: what is left out becomes spaces, so that
 * every place in the text stays where it was.
 */
export function plainJson(text: string): string {
  // One alternative a token, strings first: what looks like a comment inside of one is none.
  const token =
    /"(?:[^"\\\n]|\\.)*"|\/\/[^\n]*|\/\*[\s\S]*?\*\/|,(?=(?:\s|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*[\]}])|\t|\ufeff/g;
  return text.replace(token, (found) => (found[0] === '"' ? found : found.replace(/[^\n]/g, ' ')));
}
