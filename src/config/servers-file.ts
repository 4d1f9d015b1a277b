import { basename, resolve, sep } from 'node:path';
import { parseEnv } from 'node:util';
import {
  ConfigServerKeysIdle,
  ConfigServerLeftOut,
  ConfigUnknownKey,
  ConfigUpstream,
  ConfigWrongType,
  FileUnreadable,
  placeText,
  type SallyError,
} from '../errors.js';
import { nearest } from '../nearest.js';
import { checkMap } from './check.js';
import { type ConfigNode, type MapEntry, type MapNode, parseYaml } from './document.js';
import { type Env, expandHome, type PathBase, resolvePath } from './files.js';
import { Problems, shown } from './problems.js';
import type { ProxyRules } from './proxies.js';
import type { Field, Fields } from './schema.js';
import { honouredKeys, serverKey, serverKeyTable } from './servers-keys.js';
import { type Entry, entriesOf, isOff, plainJson, wanted } from './servers-list.js';
import { type Answers, expandVariables, type Input, inputIds, inputsOf } from './servers-variables.js';
import { type UpstreamFields, type UpstreamSettings, upstreamSettings } from './upstream-settings.js';

type EntryFields = Fields<typeof honouredKeys>;

/** What a list of servers is read with. */
export interface ServersOptions {
  /** The file, as problems name it. */
  readonly path: string;
  readonly cwd: string;
  readonly env: Env;
  readonly home?: string | undefined;
  readonly proxies: ProxyRules;
  /** The text of a file that an entry names; undefined where there is none. */
  readonly read: (path: string) => string | undefined;
}

/** What a list of servers comes to. */
export interface Servers {
  readonly upstreams: readonly UpstreamSettings[];
  /** One error a server that cannot be used: the others are. */
  readonly leftOut: readonly SallyError[];
  readonly warnings: readonly SallyError[];
  /** Everything that is wrong with those that are left out. */
  readonly problems: Problems;
}

/**
 * The file in which a desktop client or an editor keeps its MCP servers: JSON, with comments if it likes, or YAML. Its list is
 * `mcpServers`, `servers` (VS Code), `context_servers` (Zed), `extensions` (Goose), or the whole of a file in which all are servers.
 */
export class ServersFile {
  readonly #options: ServersOptions;
  readonly #entries: readonly Entry[];
  /** What the servers that are on want to be asked for, as VS Code asks its user. */
  readonly inputs: readonly Input[];

  /** What makes the whole of it unusable is added to `problems`. */
  constructor(content: string, options: ServersOptions, problems: Problems) {
    this.#options = options;
    const yaml = /\.ya?ml$/i.test(options.path);
    const document = parseYaml(yaml ? content : plainJson(content), options.path, problems);
    const root = document?.kind === 'map' ? document : undefined;
    const listed = document ? entriesOf(document, problems) : [];
    const isWanted = root ? wanted(root) : () => true;
    // One that is switched off needs no variables.
    this.#entries = listed.filter(({ key, value }) => isWanted(key) && !isOff(value));
    const ids = new Set(this.#entries.flatMap(({ value }) => inputIds(value)));
    this.inputs = root ? inputsOf(root).filter(({ id }) => ids.has(id)) : [];
  }

  /** The upstreams of the file; `taken` are names that are used already, and where. A name with characters that an upstream's cannot have is taken with hyphens in their place. */
  upstreams(taken: ReadonlyMap<string, string>, answers: Answers): Servers {
    const upstreams: UpstreamSettings[] = [];
    const leftOut: SallyError[] = [];
    const warnings: SallyError[] = [];
    const all = new Problems();
    const names = new Map(taken);
    for (const entry of this.#entries) {
      const problems = new Problems();
      let settings: UpstreamSettings | undefined;
      try {
        settings = this.#server(entry, names, answers, problems);
      } catch (error) {
        // A file that it names cannot be read.
        if (!FileUnreadable.is(error)) throw error;
        problems.add(error);
      }
      const found = problems.inOrder();
      if (found.length === 0 && settings !== undefined) {
        upstreams.push(settings);
        warnings.push(...problems.warnings);
        names.set(settings.name, placeText(entry.place));
      } else leftOut.push(ConfigServerLeftOut({ at: entry.place, name: shown(entry.key), problems: found }));
      for (const problem of found) all.add(problem);
    }
    return { upstreams, leftOut, warnings, problems: all };
  }

  #server(
    { key: name, value, place, path }: Entry,
    taken: ReadonlyMap<string, string>,
    answers: Answers,
    problems: Problems,
  ): UpstreamSettings | undefined {
    if (value.kind !== 'map') {
      problems.add(ConfigWrongType({ at: place, key: path, expected: 'a map', seen: 'something else' }));
      return undefined;
    }
    const { cwd, env, home, path: file, proxies, read } = this.#options;
    const folder = resolve(cwd, expandHome(file, home), '..');
    const paths: PathBase = { cwd, folder, home, exists: () => false };
    const folders = {
      workspaceFolder: cwd,
      workspaceRoot: cwd,
      cwd,
      workspaceFolderBasename: basename(cwd),
      userHome: home,
      pathSeparator: sep,
      '/': sep,
      CLAUDE_PROJECT_DIR: env['CLAUDE_PROJECT_DIR'] ?? cwd,
      CLAUDE_PLUGIN_ROOT: env['CLAUDE_PLUGIN_ROOT'] ?? folder,
    };
    const readNear = (one: string) => read(resolvePath(one, paths));
    const honoured = honouredOf(shaped(value), name, path, problems);
    const deps = { env, folders, answers, read: readNear, problems };
    const entry = checkMap(honouredKeys, expandVariables(honoured, path, deps), path, problems);
    const fields = entry.value && upstreamOf(name, entry.value, place, readNear, problems);
    if (fields === undefined) return undefined;
    const list = path.slice(0, -name.length - 1);
    const named = [[upstreamName(name), { ...entry, value: fields, place }]] as const;
    const [settings] = upstreamSettings(named, list, { paths, problems, proxies }, taken);
    const tools = entry.value && toolsOf(entry.value);
    return settings && (tools ? { ...settings, tools } : settings);
  }
}

/** An entry with its command as a text: opencode has it as a list with its arguments, older Zed as a map. */
function shaped(node: MapNode): MapNode {
  const command = node.entries.find(({ key }) => key === 'command');
  if (command === undefined || command.value.kind === 'scalar') return node;
  const others = node.entries.filter((entry) => entry !== command);
  if (command.value.kind === 'map') {
    const inner = command.value.entries.map((entry) =>
      entry.key === 'path' ? { ...entry, key: 'command' } : entry,
    );
    return { ...node, entries: [...inner, ...others] };
  }
  if (command.value.kind !== 'list' || command.value.items[0] === undefined) return node;
  const [first, ...rest] = command.value.items;
  const args = { key: 'args', place: command.place, value: { ...command.value, items: rest } };
  return { ...node, entries: [{ ...command, value: first }, args, ...others] };
}

/** What counts of an entry. What has no effect is said; what would narrow what is offered and is not known keeps the server out. */
function honouredOf(node: MapNode, name: string, path: string, problems: Problems): MapNode {
  const known = serverKeyTable.map(({ key }) => key);
  const idle: string[] = [];
  const entries: MapEntry[] = [];
  const refuse = (at: MapEntry['place'], problem: string, instead: string) =>
    problems.add(ConfigUpstream({ at, upstream: shown(name), problem, instead }));
  for (const entry of node.entries) {
    const { key, value, place } = entry;
    const isNothing = value.kind === 'scalar' && (value.value === null || value.value === false);
    const row = serverKey(key);
    const meant = row ? undefined : nearest(key, known);
    if (row?.becomes === 'counts') entries.push({ ...entry, value: withoutNulls(value) });
    else if (row?.becomes === 'left out') {
      if (!isNothing) refuse(place, `it has ${key}`, row.meaning);
    } else if (row !== undefined) idle.push(key);
    else if (meant !== undefined)
      problems.add(ConfigUnknownKey({ at: place, key, within: path, nearest: meant, known }));
    else if (/tool/i.test(key)) {
      const problem = `${shown(key)} is not known here, and may say which tools are offered`;
      refuse(place, problem, 'say it with includeTools or disabledTools, or remove it');
    } else idle.push(shown(key).slice(1, -1));
  }
  if (idle.length > 0) {
    const reasons = [...new Set(idle.flatMap((key) => serverKey(key)?.meaning ?? []))];
    problems.warn(ConfigServerKeysIdle({ at: node.place, name: shown(name), keys: idle, reasons }));
  }
  return { ...node, entries };
}

/** A variable that is null is not set, as VS Code has it. */
function withoutNulls(node: ConfigNode): ConfigNode {
  if (node.kind !== 'map') return node;
  const isNull = (value: ConfigNode) => value.kind === 'scalar' && value.value === null;
  return { ...node, entries: node.entries.filter(({ value }) => !isNull(value)) };
}

const http = /^(http|remote|streamable[-_]?http)$/i;
const stdio = /^(stdio|local)$/i;
const sse = /^sse$/i;

/** The fields of the `gateway` block for what such an entry says. */
function upstreamOf(
  name: string,
  fields: EntryFields,
  place: MapEntry['place'],
  read: ServersOptions['read'],
  problems: Problems,
): UpstreamFields | undefined {
  const type = fields.type ?? fields.transport;
  const command = fields.command ?? fields.cmd;
  const url = fields.url ?? fields.serverUrl ?? fields.httpUrl ?? fields.uri;
  const { args, timeout, share } = fields;
  const kind = type?.value ?? (command === undefined ? 'http' : 'stdio');
  if (type !== undefined && !stdio.test(kind) && !http.test(kind) && !sse.test(kind)) {
    const problem = `its type is ${type.seen}, which is not known`;
    const instead =
      'write stdio, http or sse; what only the editor itself has cannot be put behind the gateway: set disabled to true';
    problems.add(ConfigUpstream({ at: type.place, upstream: shown(name), problem, instead }));
    return undefined;
  }
  const given = <T extends object>(part: T): Partial<T> =>
    Object.fromEntries(Object.entries(part).filter(([, value]) => value !== undefined)) as Partial<T>;
  // Clients leave keys of the other transport in, often empty: they have no effect there either.
  const wants = stdio.test(kind)
    ? {
        command,
        args,
        env: environmentOf(name, fields, read, place, problems),
        cwd: fields.cwd ?? fields.workingDirectory ?? fields.working_directory,
      }
    : { ...addressOf(url), type: type && typeOf(type), headers: headersOf(fields), proxy: fields.proxy };
  return given({
    ...wants,
    share,
    timeout: timeout && secondsOf(timeout),
    tool_timeouts: fields.tool_timeouts ?? fields.toolTimeouts,
    max_total_timeout: fields.max_total_timeout ?? fields.maxTotalTimeout,
  }) as UpstreamFields;
}

/** Clients say http of servers of any kind over HTTP: which it is shows. */
function typeOf(type: Field<string>): UpstreamFields['type'] {
  return sse.test(type.value ?? '') ? { ...type, value: 'sse' } : undefined;
}

/** Cline, Roo, Windsurf and Goose count seconds, up to an hour; Claude Code, Gemini CLI and Copilot milliseconds. */
function secondsOf(field: Field<number>): Field<number> {
  const value = field.value ?? 0;
  return { ...field, value: Math.min(3600, value > 3600 ? value / 1000 : value) };
}

/** VS Code reaches a Unix domain socket by unix:///path, and a path on it by the fragment. */
function addressOf(field: Field<string> | undefined): Pick<UpstreamFields, 'url' | 'uds'> {
  if (field === undefined) return {};
  const [, path, fragment] = /^unix:\/\/(\/[^#]*)(?:#(.*))?$/.exec(field.value ?? '') ?? [];
  if (path === undefined) return { url: field };
  return { url: { ...field, value: `http://localhost${fragment || '/'}` }, uds: { ...field, value: path } };
}

function headersOf({ headers, requestOptions }: EntryFields): UpstreamFields['headers'] {
  const more = requestOptions?.value?.['headers'];
  if (requestOptions === undefined || typeof more !== 'object' || more === null) return headers;
  const field = (value: unknown) => ({ ...requestOptions, value: String(value), seen: '', hidden: true });
  const named = Object.fromEntries(Object.entries(more).map(([name, value]) => [name, field(value)]));
  return { ...requestOptions, value: { ...named, ...headers?.value } };
}

/** The variables of a server: those of its file, and over them its own. A file that is not there has none, which is said. */
function environmentOf(
  name: string,
  { env, envs, environment, envFile }: EntryFields,
  read: ServersOptions['read'],
  at: MapEntry['place'],
  problems: Problems,
): UpstreamFields['env'] {
  const own = env ?? envs ?? environment;
  if (envFile?.value === undefined) return own;
  const text = read(envFile.value);
  if (text === undefined) {
    const keys = [`envFile (${envFile.seen})`];
    const reasons = ['there is no such file'];
    problems.warn(ConfigServerKeysIdle({ at, name: shown(name), keys, reasons }));
    return own;
  }
  const field = (value: string | undefined): Field<string> => {
    return { ...envFile, value: value ?? '', seen: '', hidden: true };
  };
  const listed = Object.entries(parseEnv(text)).map(([key, value]) => [key, field(value)]);
  return { ...envFile, value: { ...Object.fromEntries(listed), ...own?.value } };
}

/** Which tools of a server are offered; undefined where all are. */
function toolsOf(fields: EntryFields): UpstreamSettings['tools'] {
  // Gemini CLI lets an entry have arguments behind the name.
  const names = (field: Field<readonly string[]> | undefined) =>
    field?.value?.map((text) => text.replace(/\(.*$/s, ''));
  const { tools, available_tools: available } = fields;
  const only = [
    names(fields.includeTools),
    names(fields.enabledTools),
    names(fields.allowedTools),
    tools?.value?.includes('*') ? undefined : names(tools),
    available?.value?.length === 0 ? undefined : names(available),
  ].filter((list) => list !== undefined);
  const exclude = [...(names(fields.excludeTools) ?? []), ...(names(fields.disabledTools) ?? [])];
  if (only.length === 0 && exclude.length === 0) return undefined;
  const [first, ...others] = only;
  const include = first?.filter((name) => others.every((list) => list.includes(name)));
  return { ...(include && { include }), exclude };
}

function upstreamName(name: string): string {
  return name
    .trim()
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/_{2,}/g, '_');
}
