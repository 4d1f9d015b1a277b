import { ConfigUpstream, ConfigUpstreamNeedsVariable } from '../errors.js';
import type { ConfigNode, MapNode, ScalarNode } from './document.js';
import type { Env } from './files.js';
import { looksSecret, type Problems, shown } from './problems.js';

/** A value that an editor asks its user for, once. */
export interface Input {
  readonly id: string;
  readonly description: string;
  /** Whether what is typed is not to be seen. */
  readonly password: boolean;
  /** What may be chosen; absent: any text. */
  readonly options?: readonly string[];
  readonly default?: string;
}

/** What was given for inputs, by their ids. */
export type Answers = ReadonlyMap<string, string>;

const scalarOf = (node: MapNode, key: string): ScalarNode | undefined => {
  const value = node.entries.find((entry) => entry.key === key)?.value;
  return value?.kind === 'scalar' ? value : undefined;
};

/** The `inputs` of a file that can be asked for. One of the kind `command` is for the editor alone. */
export function inputsOf(root: MapNode): readonly Input[] {
  const within = [root, ...root.entries.filter(({ key }) => key === 'mcp').map(({ value }) => value)];
  return within.flatMap((node) => {
    const list = node.kind === 'map' ? node.entries.find(({ key }) => key === 'inputs')?.value : undefined;
    return list?.kind === 'list' ? list.items.flatMap(inputOf) : [];
  });
}

function inputOf(node: ConfigNode): Input[] {
  if (node.kind !== 'map' || scalarOf(node, 'type')?.value === 'command') return [];
  const id = scalarOf(node, 'id')?.text;
  if (id === undefined) return [];
  const list = node.entries.find(({ key }) => key === 'options')?.value;
  const options = list?.kind === 'list' ? list.items.flatMap(optionOf) : undefined;
  const fallback = scalarOf(node, 'default')?.text;
  const description = scalarOf(node, 'description')?.text ?? id;
  const password = scalarOf(node, 'password')?.value === true;
  return [{ id, description, password, ...(options && { options }), ...(fallback && { default: fallback }) }];
}

function optionOf(node: ConfigNode): string[] {
  const text = node.kind === 'map' ? scalarOf(node, 'value') : node.kind === 'scalar' ? node : undefined;
  return text ? [text.text] : [];
}

/** The inputs that the texts of `node` name. */
export function inputIds(node: ConfigNode): string[] {
  if (node.kind === 'list') return node.items.flatMap(inputIds);
  if (node.kind === 'map') return node.entries.flatMap(({ value }) => inputIds(value));
  if (node.kind !== 'scalar') return [];
  return [...node.text.matchAll(/\$\{input:([^{}]*)\}/g)].map(([, id = '']) => id);
}

interface Expanding {
  readonly env: Env;
  /** What editors fill in by themselves. */
  readonly folders: Readonly<Record<string, string | undefined>>;
  readonly answers: Answers;
  readonly read: (path: string) => string | undefined;
  readonly problems: Problems;
}

/**
 * Replaces `${VAR}`, `${VAR:-default}`, `${env:VAR}` and their like in the texts of `node`, as clients and editors do in their
 * server lists. Every text is replaced by itself: what a variable holds cannot become anything but text.
 */
export function expandVariables(node: ConfigNode, key: string, deps: Expanding): ConfigNode {
  switch (node.kind) {
    case 'broken':
      return node;
    case 'list':
      return { ...node, items: node.items.map((item, i) => expandVariables(item, `${key}[${i}]`, deps)) };
    case 'map': {
      const entries = node.entries.map((entry) => {
        return { ...entry, value: expandVariables(entry.value, `${key}.${entry.key}`, deps) };
      });
      return { ...node, entries };
    }
    case 'scalar':
      return typeof node.value === 'string' && node.value.includes('$') ? expandText(node, key, deps) : node;
  }
}

// Continue names its secrets in two braces; Gemini CLI a variable without any, which elsewhere is a text as any other.
const reference = /\$\{\{\s*(?:secrets|inputs)\.([\w.-]+)\s*\}\}|\$\{([^{}]*)\}|(?<=^(?:Bearer )?)\$(\w+)$/g;
const variable = /^(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;

function expandText(node: ScalarNode, key: string, deps: Expanding): ConfigNode {
  const { env, folders, answers, read, problems } = deps;
  let broken = false;
  let hidden = false;
  const fail = (problem: Parameters<Problems['add']>[0]) => {
    problems.add(problem);
    broken = true;
    return '';
  };
  const editorOnly = (whole: string, instead: string) => {
    const upstream = shown(key.split('.')[1] ?? '');
    const problem = `${key} has ${shown(whole)}, which only an editor could fill in`;
    return fail(ConfigUpstream({ at: node.place, upstream, problem, instead }));
  };
  const set = (name: string) => (Object.hasOwn(env, name) ? env[name] : undefined);
  const value = node.text.replace(reference, (whole, secret?: string, braced?: string, bare?: string) => {
    if (bare !== undefined) {
      hidden ||= looksSecret(bare);
      return set(bare) ?? whole;
    }
    const inside = secret ?? braced ?? '';
    const folder = Object.hasOwn(folders, inside) ? folders[inside] : undefined;
    if (folder !== undefined) return folder;
    const [, kind, rest = ''] = /^(input|file):(.*)$/.exec(inside) ?? [];
    if (kind === 'input') {
      hidden = true;
      const how =
        'start the gateway on a terminal, without --stdio and --workers, where it asks for it; or write a variable, $';
      return answers.get(rest) ?? editorOnly(whole, `${how}{NAME}, and set NAME`);
    }
    if (kind === 'file') {
      hidden = true;
      const text = read(rest)?.trim();
      return text ?? editorOnly(whole, `there is no file ${rest}: make it, or correct its path`);
    }
    const [, name, fallback] = variable.exec(inside) ?? [];
    if (name === undefined) return editorOnly(whole, 'write it as a variable, $' + '{NAME}, and set NAME');
    hidden ||= looksSecret(name);
    const found = set(name);
    // As in a shell, `:-` stands in for a variable that is empty too.
    if (found !== undefined && (found !== '' || fallback === undefined)) return found;
    return fallback ?? fail(ConfigUpstreamNeedsVariable({ at: node.place, key, variable: name }));
  });
  return broken ? { kind: 'broken', place: node.place } : { ...node, value, text: value, hidden };
}
