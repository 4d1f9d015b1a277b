import { ConfigDuplicatePlugin, ConfigMisplacedKey, ConfigMissingKey, type ConfigPlace } from '../errors.js';
import { conditionKeys, type mcpKeys, type pluginKeys } from './keys.js';
import { type ClientTlsFields, mcpSettings } from './mcp-settings.js';
import type { Problems } from './problems.js';
import { given, type Reading } from './reading.js';
import type { Field, Fields } from './schema.js';
import type { Condition, McpSettings, PluginEntry } from './types.js';

type PluginFields = Fields<typeof pluginKeys>;

/** The entries of `plugins`. What is wrong with one does not keep the others from being looked at. */
export function pluginEntries(
  list: readonly Field<PluginFields>[],
  variables: ClientTlsFields,
  reading: Reading,
): PluginEntry[] {
  refuseDuplicates(
    list.map((entry) => entry.value?.name),
    reading.problems,
  );
  return list.flatMap(({ value, place }, i) => {
    const entry = value && pluginEntry(value, place, `plugins[${i}]`, variables, reading);
    return entry === undefined ? [] : [entry];
  });
}

/** Two names that differ in case only are one to the peers: they match names without regard to it. */
export function refuseDuplicates(names: readonly (Field<string> | undefined)[], problems: Problems): void {
  const first = new Map<string, ConfigPlace>();
  for (const name of names) {
    if (name?.value === undefined) continue;
    const folded = name.value.toLowerCase();
    const before = first.get(folded);
    if (before === undefined) first.set(folded, name.place);
    else problems.add(ConfigDuplicatePlugin({ at: name.place, plugin: name.seen, first: before }));
  }
}

function pluginEntry(
  fields: PluginFields,
  place: ConfigPlace,
  path: string,
  variables: ClientTlsFields,
  reading: Reading,
): PluginEntry | undefined {
  const { name, kind } = fields;
  const plugin = name?.value === undefined ? path : name.seen;
  const mcp = placedMcp(fields, place, path, plugin, reading.problems);
  const connection: McpSettings | undefined =
    mcp?.value &&
    mcpSettings(mcp.value, { plugin, place: mcp.place, path: `${path}.mcp`, variables }, reading);
  if (name?.value === undefined || kind?.value === undefined) return undefined;
  return {
    name: name.value,
    kind: kind.value,
    ...given('description', fields.description?.value),
    ...given('author', fields.author?.value),
    ...given('namespace', fields.namespace?.value),
    ...given('version', fields.version?.value),
    ...given('hooks', fields.hooks?.value),
    ...given('tags', fields.tags?.value),
    ...given('mode', fields.mode?.value),
    ...given('on_error', fields.on_error?.value),
    ...given('priority', fields.priority?.value),
    ...given('conditions', fields.conditions?.value?.map(condition)),
    ...given('applied_to', fields.applied_to?.value),
    ...given('max_content_size', fields.max_content_size?.value),
    ...given('capabilities', fields.capabilities?.value),
    ...given('config', fields.config?.value),
    ...given('mcp', connection),
  };
}

/** `mcp`, where the kind of the entry lets it have one. */
function placedMcp(
  { kind, config, mcp }: PluginFields,
  place: ConfigPlace,
  path: string,
  plugin: string,
  problems: Problems,
): Field<Fields<typeof mcpKeys>> | undefined {
  if (kind?.value === 'external') {
    if (config !== undefined) problems.add(ConfigMisplacedKey({ at: config.place, plugin, key: 'config' }));
    if (mcp === undefined)
      problems.add(ConfigMissingKey({ at: place, key: 'mcp', within: `${path} (kind: external)` }));
  } else if (kind?.value !== undefined && mcp !== undefined) {
    problems.add(ConfigMisplacedKey({ at: mcp.place, plugin, key: 'mcp' }));
    return undefined;
  }
  return mcp;
}

function condition({ value }: Field<Fields<typeof conditionKeys>>): Condition {
  const names = Object.keys(conditionKeys) as (keyof typeof conditionKeys)[];
  return Object.assign({}, ...names.map((name) => given(name, value?.[name]?.value)));
}
