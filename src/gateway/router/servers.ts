import { isPattern, type OfferedEntry, type VirtualServerSettings } from '../../config/index.js';
import { ParamsInvalid } from '../../errors.js';
import { isObject, type JsonObject, metaOf } from '../../mcp/messages.js';
import type { Kind } from '../../mcp/methods.js';
import { patternMatches, templateMatcher } from './uris.js';

/** The key of `_meta` that has the name for which an alias stands. */
export const fullNameKey = 'sallyport/name';

/** The entries of one list of a virtual server. */
interface Offers {
  /** Those that are named in full, by their names at `/mcp`. */
  readonly exact: ReadonlyMap<string, readonly OfferedEntry[]>;
  /** Those that have another name here, by that. */
  readonly renamed: ReadonlyMap<string, OfferedEntry>;
  readonly patterns: readonly string[];
}

/**
 * What a virtual server offers of what the upstreams offer, and under which names: a function of its settings. It knows entries by
 * their names at `/mcp`, of which there may be two, in full and an alias.
 */
export class VirtualServer {
  readonly name: string;
  readonly settings: VirtualServerSettings;
  readonly #offers: Readonly<Record<Kind, Offers>>;
  readonly #expandsTo: TemplateMatcher;

  constructor(settings: VirtualServerSettings, expandsTo: TemplateMatcher) {
    this.name = settings.name;
    this.settings = settings;
    this.#expandsTo = expandsTo;
    const resources = offersOf(settings.resources);
    this.#offers = {
      tools: offersOf(settings.tools),
      prompts: offersOf(settings.prompts),
      resources,
      templates: resources,
    };
  }

  /** Whether it has anything of a list. */
  offers(kind: Kind): boolean {
    const { exact, patterns } = this.#offers[kind];
    return exact.size > 0 || patterns.length > 0;
  }

  /** The beginnings that names of a list have at `/mcp`; up to the first `*` of patterns. */
  beginnings(kind: Kind): readonly string[] {
    const { exact, patterns } = this.#offers[kind];
    return [...exact.keys(), ...patterns.map((pattern) => pattern.slice(0, pattern.indexOf('*')))];
  }

  /** As what it offers a tool or prompt of these names at `/mcp`; nothing where it does not. What is named in full goes before patterns. */
  named(kind: 'tools' | 'prompts', names: readonly string[]): readonly OfferedEntry[] {
    const { exact, patterns, renamed } = this.#offers[kind];
    const found = names.flatMap((name) => exact.get(name) ?? []);
    if (found.length > 0) return found;
    const [shown = ''] = names.slice(-1);
    if (renamed.has(shown)) return [];
    const matches = names.some((name) => patterns.some((pattern) => patternMatches(pattern, name)));
    return matches ? [{ name: shown }] : [];
  }

  /** What it offers under a name of its own. */
  renamed(kind: Kind, name: string): OfferedEntry | undefined {
    return this.#offers[kind].renamed.get(name);
  }

  /**
   * As what it offers a resource or template, each of whose spellings is one of `forms`; one spelling may have two forms. What is
   * named may be a template, which stands for all that it expands to.
   */
  located(kind: 'resources' | 'templates', forms: readonly (readonly string[])[]): OfferedEntry | undefined {
    const { exact, patterns } = this.#offers[kind];
    const [first = []] = forms;
    const found = first.flatMap((form) => exact.get(form) ?? [])[0];
    if (found !== undefined) return found;
    const matches = (form: string) =>
      patterns.some((pattern) => patternMatches(pattern, form)) ||
      (kind === 'resources' &&
        [...exact.keys()].some((uri) => uri.includes('{') && this.#expandsTo(uri, form)));
    return forms.every((same) => same.some(matches)) ? { name: first[0] ?? '' } : undefined;
  }
}

type TemplateMatcher = (template: string, uri: string) => boolean;

/** Makes the virtual servers of a configuration. */
export async function makeServers(
  settings: readonly VirtualServerSettings[],
): Promise<readonly VirtualServer[]> {
  const some = settings.some(({ resources }) => resources.some(({ name }) => name.includes('{')));
  const expandsTo = some ? await templateMatcher() : () => false;
  return settings.map((one) => new VirtualServer(one, expandsTo));
}

function offersOf(entries: readonly OfferedEntry[]): Offers {
  const exact = new Map<string, OfferedEntry[]>();
  const renamed = new Map<string, OfferedEntry>();
  for (const entry of entries) {
    if (isPattern(entry.name)) continue;
    exact.set(entry.name, [...(exact.get(entry.name) ?? []), entry]);
    if (entry.as !== undefined) renamed.set(entry.as, entry);
  }
  const patterns = entries.filter(({ name }) => isPattern(name)).map(({ name }) => name);
  return { exact, renamed, patterns };
}

/** An entry of a list as a virtual server shows it. `entry` is how clients know it at `/mcp`. */
export function asOffered(kind: Kind, entry: JsonObject, offered: OfferedEntry): JsonObject {
  const { as, title, description, defaults, fixed } = offered;
  if (as === undefined && title === undefined && description === undefined && !defaults && !fixed)
    return entry;
  const shown: Record<string, unknown> = { ...entry };
  if (as !== undefined) {
    shown['name'] = as;
    const { [fullNameKey]: full, ...meta } = metaOf(entry);
    // The title that an alias has for want of another is the name for which it stands.
    if (full !== undefined && entry['title'] === full) delete shown['title'];
    if (full !== undefined && Object.keys(meta).length === 0) delete shown['_meta'];
    else if (full !== undefined) shown['_meta'] = meta;
  }
  if (title !== undefined) shown['title'] = title;
  if (description !== undefined) shown['description'] = description;
  if (!defaults && !fixed) return shown;
  const given = { defaults: defaults ?? {}, fixed: fixed ?? {} };
  if (kind === 'tools' && isObject(entry['inputSchema']))
    shown['inputSchema'] = withGiven(entry['inputSchema'], given);
  if (kind === 'prompts' && Array.isArray(entry['arguments']))
    shown['arguments'] = entry['arguments'].flatMap((one: unknown) => {
      const name = isObject(one) ? String(one['name']) : '';
      if (Object.hasOwn(given.fixed, name)) return [];
      return [isObject(one) && Object.hasOwn(given.defaults, name) ? { ...one, required: false } : one];
    });
  return shown;
}

interface Given {
  readonly defaults: Readonly<Record<string, unknown>>;
  readonly fixed: Readonly<Record<string, unknown>>;
}

const combinations = ['allOf', 'anyOf', 'oneOf'] as const;

/** A schema of arguments without those that are fixed, in which nobody has to give those that have a default. */
function withGiven(schema: JsonObject, { defaults, fixed }: Given): JsonObject {
  const made: Record<string, unknown> = { ...schema };
  const { properties, required } = schema;
  if (isObject(properties))
    made['properties'] = Object.fromEntries(
      Object.entries(properties).flatMap(([name, property]) => {
        if (Object.hasOwn(fixed, name)) return [];
        const hasDefault = Object.hasOwn(defaults, name) && isObject(property);
        return [[name, hasDefault ? { ...(property as JsonObject), default: defaults[name] } : property]];
      }),
    );
  if (Array.isArray(required)) {
    const left = required.filter(
      (name: unknown) => !Object.hasOwn(fixed, String(name)) && !Object.hasOwn(defaults, String(name)),
    );
    if (left.length > 0) made['required'] = left;
    else delete made['required'];
  }
  for (const key of combinations) {
    const parts = schema[key];
    if (Array.isArray(parts))
      made[key] = parts.map((part: unknown) =>
        isObject(part) ? withGiven(part, { defaults, fixed }) : part,
      );
  }
  return made;
}

/**
 * The params of a call with the arguments that the virtual server gives: defaults below those of the client, fixed ones above.
 *
 * @throws SallyError for arguments that are no object.
 */
export function withArguments(
  method: string,
  params: JsonObject,
  { defaults, fixed }: OfferedEntry,
): JsonObject {
  if (defaults === undefined && fixed === undefined) return params;
  const given = params['arguments'] ?? {};
  if (!isObject(given)) throw ParamsInvalid({ method, problem: 'arguments must be an object' });
  return { ...params, arguments: { ...defaults, ...given, ...fixed } };
}
