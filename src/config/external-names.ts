import { lstat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ConfigMissingKey, ConfigWrongType } from '../errors.js';
import { checkMap } from './check.js';
import { type ConfigNode, parseYaml } from './document.js';
import { decode, isMissing, readBytes, unreadable } from './file.js';
import { pluginKeys } from './keys.js';
import { expandHome } from './paths.js';
import { refuseDuplicates } from './plugin-entry.js';
import { Problems } from './problems.js';
import { type Env, render } from './template.js';

/**
 * The names of the external plugins of a configuration, for which certificates are made: nothing else in
 * the file has to be right yet. Undefined where there is no file.
 *
 * Throws `SALLY_FILE_UNREADABLE` where a file is there but cannot be read, and `SALLY_CONFIG_INVALID`
 * where it is not YAML, has no list of plugins, or the names in it are missing or not unique.
 *
 * @example
 * ```ts
 * import { externalPluginNames } from 'sallyport';
 *
 * const where = { path: 'plugins/external/config.yaml', cwd: process.cwd(), env: process.env };
 * console.log((await externalPluginNames(where)) ?? 'no such file');
 * ```
 */
export async function externalPluginNames(options: {
  readonly path: string;
  readonly cwd: string;
  readonly env: Env;
}): Promise<readonly string[] | undefined> {
  const path = resolve(options.cwd, expandHome(options.path, options.env['HOME']));
  const bytes = await readBytes(path).catch(async (error: unknown) => {
    // A link that leads nowhere is there: it was meant to lead to a configuration.
    if (isMissing(error) && !(await lstat(path).catch(() => undefined))) return undefined;
    throw unreadable(options.path, error);
  });
  if (bytes === undefined) return undefined;
  const problems = new Problems();
  const text = decode(bytes, options.path, problems);
  const document = text === undefined ? undefined : parseYaml(text, options.path, problems);
  const names = document && externalNames(document, options.env, problems);
  problems.throwIfAny(options.path);
  return names ?? [];
}

function externalNames(document: ConfigNode, env: Env, problems: Problems): string[] {
  const { name, kind } = pluginKeys;
  const entries = pluginList(document, problems).map((item, i) => {
    const path = `plugins[${i}]`;
    const identity =
      item.kind === 'map'
        ? { ...item, entries: item.entries.filter(({ key }) => key === 'name' || key === 'kind') }
        : item;
    const keys = { name, kind: { ...kind, required: false } };
    return checkMap(keys, render(identity, env, path, problems), path, problems).value;
  });
  refuseDuplicates(
    entries.map((entry) => entry?.name),
    problems,
  );
  return entries.flatMap((entry) =>
    entry?.kind?.value === 'external' && entry.name?.value ? [entry.name.value] : [],
  );
}

function pluginList(document: ConfigNode, problems: Problems): readonly ConfigNode[] {
  const at = document.place;
  const key = 'plugins';
  const expected = 'a list of maps';
  if (document.kind !== 'map') {
    if (document.kind !== 'broken')
      problems.add(ConfigWrongType({ at, key: 'the file', expected: 'a map', seen: 'something else' }));
    return [];
  }
  const plugins = document.entries.find((entry) => entry.key === key);
  if (plugins === undefined) problems.add(ConfigMissingKey({ at, key, within: 'the file' }));
  else if (plugins.value.kind === 'list') return plugins.value.items;
  else if (plugins.value.kind !== 'broken') {
    const seen =
      plugins.value.kind === 'map' ? 'a map' : plugins.value.text === '' ? 'nothing' : 'a single value';
    problems.add(ConfigWrongType({ at: plugins.place, key, expected, seen }));
  }
  return [];
}
