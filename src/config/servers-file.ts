import { resolve } from 'node:path';
import { ConfigMissingKey, ConfigUpstream, ConfigUpstreamNeedsVariable, ConfigWrongType } from '../errors.js';
import { checkMap } from './check.js';
import { type ConfigNode, type MapNode, parseYaml, type ScalarNode } from './document.js';
import { type Env, expandHome, type PathBase } from './files.js';
import { upstreamKeys } from './keys.js';
import { looksSecret, type Problems, shown } from './problems.js';
import { type Field, type Fields, type Keys, optional } from './schema.js';
import { type UpstreamFields, type UpstreamSettings, upstreamSettings } from './upstream-settings.js';

const text = { kind: 'text' } as const;

/** What a server has in such a file. Clients keep more in it, for themselves: that is not looked at. */
const serverEntryKeys = {
  type: optional(text, 'stdio, http, streamable-http or sse'),
  transport: optional(text, 'another name of type'),
  command: upstreamKeys.command,
  args: upstreamKeys.args,
  env: upstreamKeys.env,
  cwd: upstreamKeys.cwd,
  url: upstreamKeys.url,
  serverUrl: upstreamKeys.url,
  httpUrl: upstreamKeys.url,
  headers: upstreamKeys.headers,
  disabled: optional({ kind: 'boolean' }, 'whether it is left out'),
  enabled: optional({ kind: 'boolean' }, 'the opposite of disabled'),
} as const satisfies Keys;
type EntryFields = Fields<typeof serverEntryKeys>;

/** What a list of servers is read with. */
export interface ServersOptions {
  /** The file, as problems name it. */
  readonly path: string;
  readonly cwd: string;
  readonly env: Env;
  readonly home?: string | undefined;
}

/**
 * The upstreams of the JSON in which desktop clients and editors keep their MCP servers: `mcpServers`, or `servers` as
 * VS Code has it; `taken` are names that are used already, and where. A name with characters that an upstream's cannot have is taken with hyphens in their place.
 */
export function parseServers(
  content: string,
  options: ServersOptions,
  taken: ReadonlyMap<string, string>,
  problems: Problems,
): readonly UpstreamSettings[] {
  const { path, cwd, env, home } = options;
  const document = parseYaml(plainJson(content), path, problems);
  const list = document && serverList(document, problems);
  if (list === undefined) return [];
  const folders = { workspaceFolder: cwd, userHome: home };
  const paths: PathBase = {
    cwd,
    folder: resolve(cwd, expandHome(path, home), '..'),
    home,
    exists: () => false,
  };
  const named: [string, Field<UpstreamFields>][] = [];
  for (const { key: name, value, place } of list.node.entries) {
    const at = `${list.key}.${name}`;
    if (value.kind !== 'map') {
      problems.add(ConfigWrongType({ at: place, key: at, expected: 'a map', seen: 'something else' }));
      continue;
    }
    // One that is switched off needs no variables.
    if (isOff(value)) continue;
    const known = {
      ...value,
      entries: value.entries.filter(({ key }) => Object.hasOwn(serverEntryKeys, key)),
    };
    const entry = checkMap(
      serverEntryKeys,
      expandVariables(known, at, { env, folders, problems }),
      at,
      problems,
    );
    const fields = entry.value && upstreamOf(name, entry.value, problems);
    if (fields) named.push([upstreamName(name), { ...entry, value: fields, place }]);
  }
  return upstreamSettings(named, list.key, { paths, problems }, taken);
}

function serverList(document: ConfigNode, problems: Problems): { node: MapNode; key: string } | undefined {
  const entries = document.kind === 'map' ? document.entries : [];
  // VS Code's settings.json has its list one level down.
  const inner = entries.find(({ key }) => key === 'mcp')?.value;
  const found = [...entries, ...(inner?.kind === 'map' ? inner.entries : [])].find(
    ({ key }) => key === 'mcpServers' || key === 'servers',
  );
  if (found?.value.kind === 'map') return { node: found.value, key: found.key };
  const at = found?.place ?? document.place;
  if (found) problems.add(ConfigWrongType({ at, key: found.key, expected: 'a map', seen: 'something else' }));
  else if (document.kind !== 'broken')
    problems.add(ConfigMissingKey({ at, key: 'mcpServers', within: 'the file' }));
  return undefined;
}

function isOff(node: MapNode): boolean {
  const flag = (name: string) => {
    const value = node.entries.find(({ key }) => key === name)?.value;
    return value?.kind === 'scalar' ? value.value : undefined;
  };
  return flag('disabled') === true || flag('enabled') === false;
}

const spoken = /^(http|streamable-?_?http)$/i;

/** The fields of the `gateway` block for what such an entry says. */
function upstreamOf(name: string, fields: EntryFields, problems: Problems): UpstreamFields | undefined {
  const { command, args, env, cwd, headers } = fields;
  const type = fields.type ?? fields.transport;
  const url = fields.url ?? fields.serverUrl ?? fields.httpUrl;
  const kind = type?.value ?? (command === undefined ? 'http' : 'stdio');
  if (type !== undefined && kind !== 'stdio' && !spoken.test(kind)) {
    const sse = /^sse$/i.test(kind);
    const problem = sse
      ? 'its type is sse, the transport that MCP gave up in 2025'
      : `its type is ${type.seen}, which is not known`;
    const instead = sse
      ? "most servers serve Streamable HTTP too: set type to http and url to the server's /mcp, or disabled to true"
      : 'write stdio or http';
    problems.add(ConfigUpstream({ at: type.place, upstream: shown(name), problem, instead }));
    return undefined;
  }
  const given = <T extends object>(part: T): Partial<T> =>
    Object.fromEntries(Object.entries(part).filter(([, value]) => value !== undefined)) as Partial<T>;
  // Clients leave keys of the other transport in, often empty: they have no effect there either.
  const wants = kind === 'stdio' ? { command, args, env, cwd } : { url, headers };
  return given(wants) as UpstreamFields;
}

function upstreamName(name: string): string {
  return name
    .trim()
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/_{2,}/g, '_');
}

interface Expanding {
  readonly env: Env;
  /** What editors fill in by themselves. */
  readonly folders: Readonly<Record<string, string | undefined>>;
  readonly problems: Problems;
}

/**
 * Replaces `${VAR}`, `${VAR:-default}` and `${env:VAR}` in the texts of `node`, as clients and editors do in their
 * server lists. Every text is replaced by itself: what a variable holds cannot become anything but text.
 */
function expandVariables(node: ConfigNode, key: string, deps: Expanding): ConfigNode {
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
      return typeof node.value === 'string' && node.value.includes('${') ? expandText(node, key, deps) : node;
  }
}

const reference = /\$\{([^{}]*)\}/g;
const variable = /^(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;

function expandText(node: ScalarNode, key: string, { env, folders, problems }: Expanding): ConfigNode {
  let broken = false;
  let hidden = false;
  const value = node.text.replace(reference, (whole, inside: string) => {
    const folder = Object.hasOwn(folders, inside) ? folders[inside] : undefined;
    if (folder !== undefined) return folder;
    const [, name, fallback] = variable.exec(inside) ?? [];
    if (name === undefined) {
      const problem = `${key} has ${shown(whole)}, which only an editor could fill in`;
      const instead = 'write it as a variable, $' + '{NAME}, and set NAME';
      problems.add(
        ConfigUpstream({ at: node.place, upstream: shown(key.split('.')[1] ?? ''), problem, instead }),
      );
      broken = true;
      return '';
    }
    hidden ||= looksSecret(name);
    const set = Object.hasOwn(env, name) ? env[name] : undefined;
    // As in a shell, `:-` stands in for a variable that is empty too.
    if (set !== undefined && (set !== '' || fallback === undefined)) return set;
    if (fallback !== undefined) return fallback;
    problems.add(ConfigUpstreamNeedsVariable({ at: node.place, key, variable: name }));
    broken = true;
    return '';
  });
  return broken ? { kind: 'broken', place: node.place } : { ...node, value, text: value, hidden };
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
