import { type Document, isMap, isSeq, parseDocument, type YAMLMap } from 'yaml';
import { ConfigInvalid, ConfigVariableUnset } from '../errors.js';
import { nearest } from '../nearest.js';
import { parseYaml } from './document.js';
import { fileKeys } from './keys.js';
import { parseConfig } from './load.js';
import { Problems } from './problems.js';
import type { Key, Keys } from './schema.js';

/** What became of another gateway's plugin file. */
export interface Imported {
  /** The file as it can be used here, with its comments. */
  readonly yaml: string;
  /** The names of the plugins that were taken. */
  readonly taken: readonly string[];
  /** What was changed, left out or still has to be mended: where, and why. */
  readonly notes: readonly { readonly where: string; readonly why: string }[];
}

/**
 * Turns a plugin file of ContextForge into one of ours: plugins that exist here stay, with their comments, and
 * everything else is named. `kinds` are the bundled plugins.
 *
 * @throws SALLY_CONFIG_INVALID where the text is not YAML.
 */
export function importConfig(text: string, options: { file: string; kinds: ReadonlySet<string> }): Imported {
  const notes: { where: string; why: string }[] = [];
  const note = (where: string, why: string) => void notes.push({ where, why });
  const quoted = quoteTemplates(text, (line) => note(`line ${line}`, 'the template is in quotes now'));
  const problems = new Problems();
  parseYaml(quoted, options.file, problems);
  problems.throwIfAny(options.file);
  const document = parseDocument(quoted, { schema: 'core', version: '1.2' });
  if (isMap(document.contents)) prune(document.contents, fileKeys, '', note);
  const taken = dropUnknownPlugins(document, options.kinds, note);
  const yaml = document.toString({ lineWidth: 0 });
  for (const { message } of stillWrong(yaml, options.file)) note('to mend', message);
  return { yaml, taken, notes };
}

type Note = (where: string, why: string) => void;

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

/** Takes out every key that is not known here. */
function prune(map: YAMLMap, keys: Keys, path: string, note: Note): void {
  for (const { key: node } of [...map.items]) {
    const name = String((node as { value?: unknown } | null)?.value ?? node);
    const where = path === '' ? name : `${path}.${name}`;
    const key: Key | undefined = Object.hasOwn(keys, name) ? keys[name] : undefined;
    if (key === undefined) {
      map.delete(node);
      const meant = nearest(name, Object.keys(keys));
      note(where, `not known here${meant ? `; did you mean '${meant}'?` : ''}`);
      continue;
    }
    const value = map.get(node, true);
    if (key.type.kind === 'map' && isMap(value)) prune(value, key.type.keys, where, note);
    if (key.type.kind === 'maps' && isSeq(value)) {
      const { keys: inner } = key.type;
      value.items.forEach((item, i) => {
        if (isMap(item)) prune(item, inner, `${where}[${String(item.get('name') ?? i)}]`, note);
      });
    }
  }
}

/** Takes out the plugins whose kind is not available here, and answers the names of the others. */
function dropUnknownPlugins(document: Document, kinds: ReadonlySet<string>, note: Note): string[] {
  const list = document.get('plugins');
  if (!isSeq(list)) {
    note('plugins', 'there is no list of plugins');
    return [];
  }
  const taken: string[] = [];
  list.items = list.items.filter((item) => {
    if (!isMap(item)) return true;
    const [name, kind] = [String(item.get('name')), String(item.get('kind'))];
    const known = kind === 'external' || kinds.has(kind) || /^[.~/]/.test(kind);
    if (known) taken.push(name);
    else
      note(
        `plugins[${name}]`,
        `its kind ${kind} is not available here${item.get('mode') === 'disabled' ? ' (it was disabled)' : ''}`,
      );
    return known;
  });
  return taken;
}

/** What the result would still be refused for; variables need not be set yet. */
function stillWrong(yaml: string, file: string) {
  try {
    parseConfig(yaml, { path: file, cwd: '/', env: {}, side: 'server', exists: () => true });
    return [];
  } catch (error) {
    if (!ConfigInvalid.is(error)) throw error;
    return error.context.problems.filter((problem) => !ConfigVariableUnset.is(problem));
  }
}
