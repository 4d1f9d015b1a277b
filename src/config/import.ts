import { type Document, isMap, isScalar, isSeq, parseDocument, type YAMLMap, type YAMLSeq } from 'yaml';
import { ConfigInvalid, ConfigVariableUnset } from '../errors.js';
import { nearest } from '../nearest.js';
import { parseYaml } from './document.js';
import { SourceEdits } from './import-edits.js';
import { fileKeys } from './keys.js';
import { parseConfig } from './load.js';
import type { PluginEntry } from './plugin-settings.js';
import { Problems } from './problems.js';
import type { Key, Keys } from './schema.js';

/** Why a plugin is not here, and what to do. */
export interface Elsewhere {
  /** What is missing, as a sentence. */
  readonly why: string;
  /** What to do, as a sentence. */
  readonly todo: string;
  /** Whether its Python process may go on with it, as `kind: external`. */
  readonly external: boolean;
}

/** What became of another gateway's plugin file. */
export interface Imported {
  /** The file as it can be used here: what it does not take stands in comments. */
  readonly yaml: string;
  /** The names of the plugins that were taken. */
  readonly taken: readonly string[];
  /** What was changed, left out or still has to be mended: where, why, and what to do where there is something. */
  readonly notes: readonly ImportNote[];
  /** The plugins of the result, where it can be read without variables that are not set. */
  readonly plugins: readonly PluginEntry[];
}

interface ImportNote {
  readonly where: string;
  readonly why: string;
  readonly todo?: string;
}

interface ImportOptions {
  readonly file: string;
  /** Whether a plugin of this `kind` is in the box. */
  readonly isBundled: (kind: string) => boolean;
  /** Of a plugin that is not. */
  readonly elsewhere: (kind: string) => Elsewhere;
}

/**
 * Turns a plugin file of ContextForge into one of ours: the text stays as it is, and what is not known here, plugins and
 * keys, becomes a comment in its place.
 *
 * @throws SALLY_CONFIG_INVALID where the text is not YAML.
 */
export function importConfig(text: string, options: ImportOptions): Imported {
  const notes: ImportNote[] = [];
  const note: Note = (where, why, todo) => void notes.push({ where, why, ...(todo && { todo }) });
  const quoted = quoteTemplates(text, (line) => note(`line ${line}`, 'the template is in quotes now'));
  const problems = new Problems();
  parseYaml(quoted, options.file, problems);
  problems.throwIfAny(options.file);
  const document = parseDocument(quoted, { schema: 'core', version: '1.2', keepSourceTokens: true });
  const edits = new SourceEdits(quoted);
  const taken = keepKnownPlugins(document, edits, options, note);
  if (isMap(document.contents)) prune(document.contents, { keys: fileKeys, path: '', edits, note });
  const yaml = edits.text();
  const { plugins, wrong } = readAgain(yaml, options.file);
  for (const { message } of wrong) note('to mend', message);
  return { yaml, taken, notes, plugins };
}

type Note = (where: string, why: string, todo?: string) => void;

/** There the whole file is rendered before it is parsed, so that templates may stand without quotes. */
function quoteTemplates(text: string, changed: (line: number) => void): string {
  return text
    .split('\n')
    .map((line, i) => {
      const parts =
        /^(\s*(?:- )?(?:[\w.-]+:\s+)?)([^\s"'#|>&*[{][^"'#]*\{\{[^"'#]*\}\}[^"'#]*|\{\{[^"'#]*\}\}[^"'#]*?)(\s*(?:#.*)?)$/.exec(
          line,
        );
      if (parts === null) return line;
      changed(i + 1);
      return `${parts[1]}"${parts[2]?.trimEnd()}"${parts[3]}`;
    })
    .join('\n');
}

/** Makes a comment of every key that is not known here. */
function prune(
  map: YAMLMap,
  { keys, path, edits, note }: { keys: Keys; path: string; edits: SourceEdits; note: Note },
): void {
  for (const pair of map.items) {
    const name = isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
    const where = path === '' ? name : `${path}.${name}`;
    const key: Key | undefined = Object.hasOwn(keys, name) ? keys[name] : undefined;
    if (key === undefined) {
      edits.commentPair(map, pair);
      const meant = nearest(name, Object.keys(keys));
      note(where, `not known here, and a comment now${meant ? `; did you mean '${meant}'?` : ''}`);
      continue;
    }
    const { value } = pair;
    if (key.type.kind === 'map' && isMap(value))
      prune(value, { keys: key.type.keys, path: where, edits, note });
    if (key.type.kind === 'maps' && isSeq(value)) {
      const inner = key.type.keys;
      value.items.forEach((item, i) => {
        if (isMap(item) && !edits.isGone(item))
          prune(item, { keys: inner, path: `${where}[${String(item.get('name') ?? i)}]`, edits, note });
      });
    }
  }
}

/** Makes a comment of the plugins whose kind is not available here, and answers the names of the others. */
function keepKnownPlugins(
  document: Document,
  edits: SourceEdits,
  { isBundled, elsewhere }: ImportOptions,
  note: Note,
): string[] {
  const list = document.get('plugins');
  if (!isSeq(list)) {
    note('plugins', 'there is no list of plugins');
    return [];
  }
  const taken: string[] = [];
  for (const item of list.items) {
    if (!isMap(item)) continue;
    const [name, kind] = [String(item.get('name')), String(item.get('kind'))];
    if (kind === 'external' || isBundled(kind) || /^[.~/]/.test(kind)) {
      taken.push(name);
      continue;
    }
    const { why, todo, external } = elsewhere(kind);
    const disabled = item.get('mode') === 'disabled';
    note(`plugins[${name}]`, `${why}${disabled ? ' (It was disabled.)' : ''}`, todo);
    edits.commentItem(list as YAMLSeq, item, [
      `${name} is not used here: ${why}`,
      `→ ${todo}`,
      ...(external ? externalEntry(item) : []),
      'It was:',
    ]);
  }
  if (taken.length === 0 && list.items.length > 0) edits.emptyList(document, 'plugins');
  return taken;
}

/** The entry of a gateway's file for a plugin that stays where it is, behind mutual TLS, as lines. */
function externalEntry(plugin: YAMLMap): string[] {
  const kept = ['mode', 'on_error', 'priority'].flatMap((key) =>
    plugin.has(key) ? [`  ${key}: ${String(plugin.get(key))}`] : [],
  );
  return [
    'In the file of the gateway, for the Python server that keeps it:',
    `- name: ${JSON.stringify(String(plugin.get('name')))}`,
    '  kind: external',
    ...kept,
    '  mcp:',
    '    proto: STREAMABLEHTTP',
    '    url: https://localhost:8000/mcp',
    '    tls: {ca_bundle: certs/mcp/gateway/ca.crt, certfile: certs/mcp/gateway/client.crt, keyfile: certs/mcp/gateway/client.key}',
  ];
}

/** The plugins of the result, and what it would still be refused for; variables need not be set yet. */
function readAgain(yaml: string, file: string) {
  try {
    const { plugins } = parseConfig(yaml, {
      path: file,
      cwd: '/',
      env: {},
      side: 'server',
      exists: () => true,
    });
    return { plugins, wrong: [] };
  } catch (error) {
    if (!ConfigInvalid.is(error)) throw error;
    return {
      plugins: [],
      wrong: error.context.problems.filter((problem) => !ConfigVariableUnset.is(problem)),
    };
  }
}
