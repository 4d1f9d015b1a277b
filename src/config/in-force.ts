import { resolve } from 'node:path';
import { stringify } from 'yaml';
import { type ConfigNode, parseYaml } from './document.js';
import { expandHome, readText } from './files.js';
import { fileKeys } from './keys.js';
import type { GatewayConfig, GatewayConfigOptions } from './load.js';
import { hiddenText, looksSecret, Problems } from './problems.js';
import type { Key, Keys, ValueType } from './schema.js';
import { render } from './template.js';
import { clientTlsKeys } from './tls-keys.js';
import type { UpstreamSettings } from './upstream-settings.js';

/**
 * A configuration as it is in force, as YAML: with the defaults of what the file does not say, and what variables override. What is
 * secret, and every text that was made from a variable, is hidden. The file is read again: to be called when it was loaded.
 */
export async function configurationInForce(
  loaded: GatewayConfig,
  { config: path, env, cwd, home = env['HOME'] }: GatewayConfigOptions,
): Promise<string> {
  const problems = new Problems();
  const file = path === undefined ? undefined : resolve(cwd, expandHome(path, home));
  const text = file === undefined ? undefined : await readText(file, path ?? '', problems);
  const document = text === undefined ? undefined : parseYaml(text, path ?? '', problems);
  const node = document && render(document, env, '', problems);
  const shown = Object(node === undefined ? {} : mapOf(fileKeys, node)) as Record<string, unknown>;
  delete shown['server_settings'];
  const plugins = (shown['plugins'] ?? []) as Record<string, unknown>[];
  for (const [i, { mcp }] of loaded.plugins.entries()) {
    const block = plugins[i]?.['mcp'] as Record<string, unknown> | undefined;
    if (block === undefined || mcp === undefined || !('tls' in mcp) || mcp.tls === undefined) continue;
    block['tls'] = settingsShown(clientTlsKeys, mcp.tls as unknown as Record<string, unknown>);
  }
  const gateway = (shown['gateway'] ?? {}) as Record<string, unknown>;
  const named = (gateway['upstreams'] ?? {}) as Record<string, unknown>;
  const listed = loaded.gateway.upstreams.filter(({ name }) => !Object.hasOwn(named, name));
  const upstreams = { ...named, ...Object.fromEntries(listed.map((one) => [one.name, listedUpstream(one)])) };
  return stringify({ ...shown, gateway: { ...gateway, upstreams } }, { lineWidth: 0 });
}

/** Of a list of servers no more is known than what came of it: secrets may stand in any text. */
function listedUpstream(settings: UpstreamSettings): object {
  if (settings.transport === 'http') return { url: settings.url.origin };
  const { command, args } = settings;
  return { command: plainText(command), ...(args.length > 0 && { args: hiddenText }) };
}

/** The values of settings under the names of their keys. */
function settingsShown(keys: Keys, settings: Readonly<Record<string, unknown>>): object {
  const shown: Record<string, unknown> = {};
  for (const [name, key] of Object.entries(keys)) {
    const camel = key.as ?? name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
    const value = settings[camel];
    if (value !== undefined) shown[name] = key.type.kind === 'secret' ? hiddenText : value;
  }
  return shown;
}

function mapOf(keys: Keys, node: ConfigNode): object | string {
  if (node.kind !== 'map') return hiddenText;
  const given = new Map(node.entries.map(({ key, value }) => [key, value]));
  const shown = Object.entries(keys).flatMap(([name, key]): [string, unknown][] => {
    const value = given.get(name);
    const isNull = value?.kind === 'scalar' && value.value === null;
    if (value !== undefined && !isNull) return [[name, shownOf(key.type, value, name)]];
    const usual = usualOf(key);
    return usual === undefined ? [] : [[name, usual]];
  });
  return Object.fromEntries(shown);
}

/** What counts where a key is not given: a default, or a map of defaults. */
function usualOf({ type, default: usual, unused = false }: Key): unknown {
  if (unused) return undefined;
  if (type.kind !== 'map') return typeof usual === 'object' ? undefined : usual;
  if (usual !== undefined && type.short !== undefined) return usual;
  const all = Object.entries(type.keys);
  if (!all.every(([, key]) => key.unused || key.default !== undefined)) return undefined;
  return Object.fromEntries(
    all.flatMap(([name, key]) => {
      const value = usualOf(key);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

function shownOf(type: ValueType, node: ConfigNode, name: string): unknown {
  switch (type.kind) {
    case 'secret':
      return hiddenText;
    case 'map': {
      const short = type.short === undefined ? undefined : type.keys[type.short];
      return node.kind === 'scalar' && short ? shownOf(short.type, node, name) : mapOf(type.keys, node);
    }
    case 'maps': {
      const each = { ...type, kind: 'map' } as const;
      return node.kind === 'list' ? node.items.map((item) => shownOf(each, item, name)) : hiddenText;
    }
    case 'named':
      return namedOf(type, node, name);
    case 'texts':
      return node.kind === 'list' ? wordsOf(node.items) : hiddenText;
    case 'dict':
    case 'free':
      return freeOf(node, name);
    case 'text':
      if (node.kind !== 'scalar' || node.rendered || node.hidden || looksSecret(name)) return hiddenText;
      return typeof node.value === 'string' ? plainText(node.value) : node.value;
    default:
      return node.kind === 'scalar' && !node.hidden ? node.value : hiddenText;
  }
}

/** Variables and headers are shown by their names alone. */
function namedOf(type: Extract<ValueType, { kind: 'named' }>, node: ConfigNode, name: string): unknown {
  if (node.kind !== 'map') return hiddenText;
  const { of, also = {} } = type;
  const each = ({ key, value }: (typeof node.entries)[number]): [string, unknown] => {
    const other = value.kind === 'scalar' || !Object.hasOwn(also, key) ? undefined : also[key];
    if (other) return [key, shownOf(other.type, value, key)];
    const shows = of.kind === 'map' || of.kind === 'seconds' || (of.kind === 'text' && name !== 'env');
    return [key, shows ? shownOf(of, value, key) : hiddenText];
  };
  return Object.fromEntries(node.entries.map(each));
}

/** What has no schema: the settings of a plugin, which may be anything. */
function freeOf(node: ConfigNode, name: string): unknown {
  switch (node.kind) {
    case 'broken':
      return hiddenText;
    case 'list':
      return looksSecret(name) ? hiddenText : node.items.map((item) => freeOf(item, name));
    case 'map':
      if (looksSecret(name)) return hiddenText;
      return Object.fromEntries(
        node.entries.map(({ key, value }) => [key, name === 'env' ? hiddenText : freeOf(value, key)]),
      );
    case 'scalar':
      if (node.rendered || node.hidden || looksSecret(name)) return hiddenText;
      return typeof node.value === 'string' ? wordOf(node.value) : node.value;
  }
}

/** The words of a command line, or another list: after an option whose name is that of a secret comes the secret. */
function wordsOf(items: readonly ConfigNode[]): readonly unknown[] {
  let secretNext = false;
  return items.map((item) => {
    if (item.kind !== 'scalar' || item.rendered || item.hidden || secretNext) {
      secretNext = false;
      return hiddenText;
    }
    const { text } = item;
    const [, option] = /^--?([\w-]+)$/.exec(text) ?? [];
    secretNext = option !== undefined && (looksSecret(option) || /^(H|header|u|user)$/.test(option));
    return wordOf(text);
  });
}

/** A text of which nobody knows what it is for. */
function wordOf(text: string): string {
  const [, beginning = '', name] = /^((?:--?)?([\w.-]+)(?:=|:\s*))(?=.)/s.exec(text) ?? [];
  if (name !== undefined && looksSecret(name)) return `${beginning}${hiddenText}`;
  const rest = text.slice(beginning.length);
  return looksDrawn(text) || looksDrawn(rest) || /^(bearer|basic) /i.test(rest)
    ? hiddenText
    : plainText(text);
}

/** Whether a text looks as if it was drawn at random: letters and digits, long, and no path. */
const looksDrawn = (text: string): boolean =>
  /^[A-Za-z0-9_+=.-]{20,}$/.test(text) && /\d/.test(text) && /[A-Za-z]/.test(text);

/** A text without what is secret wherever it stands: users and queries of URLs, what was drawn in their paths, and private keys. */
function plainText(text: string): string {
  if (text.includes('PRIVATE KEY-----')) return hiddenText;
  return text
    .replace(/(\b[a-z][\w+.-]*:\/\/)[^\s/?#@]*@/gi, `$1${hiddenText}@`)
    .replace(/(\b[a-z][\w+.-]*:\/\/[^\s?]*\?)\S+/gi, `$1${hiddenText}`)
    .replace(/\b[a-z][\w+.-]*:\/\/\S+/gi, (url) =>
      url
        .split('/')
        .map((part, i) => (i > 2 && looksDrawn(part) ? hiddenText : part))
        .join('/'),
    );
}
