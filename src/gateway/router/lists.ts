import type { OfferedEntry, UpstreamSettings } from '../../config/index.js';
import { aliasBeginnings, aliasOf, type NameForm, prefixedName } from '../../hooks/index.js';
import { isObject, type JsonObject, metaOf } from '../../mcp/messages.js';
import { type Kind, kinds } from '../../mcp/methods.js';
import type { Upstream } from '../upstream.js';
import { asOffered, fullNameKey, type VirtualServer } from './servers.js';
import { patternMatches, uriForms } from './uris.js';

/**
 * What of the upstreams' lists clients are shown, and under which names. Lists, calls, reads, completions and
 * subscriptions all ask here: what is not shown is not there.
 */

interface Patterns {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

/** What an upstream offers, and under which names: all that naming needs to know of it. */
export interface Offer extends Patterns {
  readonly name: string;
  readonly prefixed: boolean;
  /** What names may be; others have an alias. */
  readonly names: NameForm;
  /** Whether other upstreams may have the same URIs. */
  readonly several: boolean;
  readonly tools?: UpstreamSettings['tools'];
  /** The same patterns in every spelling of a URI. */
  readonly uris: Patterns;
  /** What a virtual server takes of it; absent at `/mcp`, where that is all. */
  readonly server?: VirtualServer;
}

/** An upstream, and how its names are offered. */
export interface Route {
  readonly upstream: Upstream;
  readonly offer: Offer;
}

/** Where a request goes, and what its subject is called there. */
export interface Target {
  readonly route: Route;
  readonly name: string;
  /** As what a virtual server offers it. */
  readonly offered?: OfferedEntry;
}

/** As the APIs of models take names of tools. */
export const usualNames: NameForm = { maxLength: 64, characters: 'model' };

/** How the names of this upstream are offered where there are `count` of them. */
export function offerOf(
  settings: Pick<UpstreamSettings, 'name' | 'prefix' | 'include' | 'exclude' | 'tools'>,
  count: number,
  names: NameForm = usualNames,
): Offer {
  const { name, prefix, include, exclude, tools } = settings;
  const prefixed = prefix === 'always' || (prefix === 'auto' && count > 1);
  const uris = { include: include.flatMap(uriForms), exclude: exclude.flatMap(uriForms) };
  return { name, prefixed, names, several: count > 1, include, exclude, uris, ...(tools && { tools }) };
}

/**
 * Whether clients are shown what the upstream itself calls `name`: by its `include` and `exclude`. What they hide is neither
 * listed nor served. What a template expands to is looked at when it is read.
 *
 * One URI has many spellings (`%2e%2e`, `/a/../b`), and the upstream may read any of them: all have to be included, and
 * none excluded.
 */
export function isShown(kind: Kind, name: string, offer: Offer): boolean {
  const { tools } = offer;
  if (kind === 'tools' && tools && (tools.exclude.includes(name) || tools.include?.includes(name) === false))
    return false;
  if (!isIncluded(kind, name, offer)) return false;
  return offer.server === undefined || offeredAs(kind, name, offer, offer.server).length > 0;
}

function isIncluded(kind: Kind, name: string, offer: Offer): boolean {
  if (offer.include.length === 0 && offer.exclude.length === 0) return true;
  if (kind !== 'resources') return letThrough(offer, name);
  return uriForms(name).every((form) => letThrough(offer.uris, form));
}

/** As what a virtual server offers what the upstream itself calls `name`: nothing where it does not, and several where it has it under several names. */
export function offeredAs(
  kind: Kind,
  name: string,
  offer: Offer,
  server: VirtualServer,
): readonly OfferedEntry[] {
  if (kind === 'tools' || kind === 'prompts') {
    const full = fullName(kind, name, offer);
    const alias = aliasFor(kind, full, offer);
    return server.named(kind, alias === undefined ? [full] : [full, alias]);
  }
  const forms = kind === 'resources' ? uriForms(name) : [name];
  const found = server.located(
    kind,
    forms.map((form) => [form, qualifiedUri(offer.name, form)]),
  );
  return found === undefined ? [] : [found];
}

/** The route of an upstream in a virtual server; undefined where nothing of it can be offered there. */
export function routeIn(server: VirtualServer, { upstream, offer }: Route): Route | undefined {
  const may =
    server.offers('resources') ||
    (['tools', 'prompts'] as const).some((kind) => {
      const full = fullName(kind, '', offer);
      const starts = [full, full.replaceAll(/[^A-Za-z0-9_-]/g, '_')];
      return server
        .beginnings(kind)
        .some((one) => starts.some((start) => one.startsWith(start) || start.startsWith(one)));
    });
  return may ? { upstream, offer: { ...offer, server } } : undefined;
}

function letThrough({ include, exclude }: Patterns, text: string): boolean {
  const matches = (pattern: string) => patternMatches(pattern, text);
  return (include.length === 0 || include.some(matches)) && !exclude.some(matches);
}

const scheme = 'sallyport://';

/** How clients know a URI of an upstream where it has to say whose it is. A template is one too. */
export const qualifiedUri = (upstream: string, uri: string): string => `${scheme}${upstream}/${uri}`;

/** Whether a URI looks as if it said whose it is. One that an upstream has itself has to say so once more. */
export const saysWhose = (uri: string): boolean => uri.startsWith(scheme);

const isUri = (kind: Kind) => kinds[kind].key !== 'name';

/** What an upstream calls `name`, with the prefix of the upstream where it has one. URIs stay as they are: they stand in results too. */
export function fullName(kind: Kind, name: string, offer: Offer): string {
  return offer.prefixed && !isUri(kind) ? prefixedName(offer.name, name) : name;
}

/** Whether an alias can be that of one of its names. */
export function mayHaveAlias(kind: Kind, alias: string, offer: Offer): boolean {
  const beginning = fullName(kind, '', offer).replaceAll(/[^A-Za-z0-9_-]/g, '_');
  return aliasBeginnings(alias).some((one) => one.startsWith(beginning) || beginning.startsWith(one));
}

/** How clients know an entry that its upstream calls `name`. */
export function publicName(kind: Kind, name: string, offer: Offer): string {
  const full = fullName(kind, name, offer);
  return aliasFor(kind, full, offer) ?? full;
}

/** The alias of a name; undefined where it needs none. No model sees names of prompts: only their length counts. */
function aliasFor(kind: Kind, full: string, { names }: Offer, long = false): string | undefined {
  if (isUri(kind)) return undefined;
  return aliasOf(full, kind === 'tools' ? names : { ...names, characters: 'any' }, long);
}

/** The upstream's own name for what clients call `name` in full; undefined where the name cannot be one of its. */
export function ownName(kind: Kind, name: string, offer: Offer): string | undefined {
  if (!offer.prefixed || isUri(kind)) return name;
  const prefix = prefixedName(offer.name, '');
  return name.startsWith(prefix) && name.length > prefix.length ? name.slice(prefix.length) : undefined;
}

/** Where the entry can be that clients know by this name. */
export function targetsNamed(kind: Kind, name: string, routes: readonly Route[]): Target[] {
  const targets: Target[] = [];
  const said = isUri(kind) && routes.length > 1 && saysWhose(name) ? targetSaid(name, routes) : undefined;
  if (said !== undefined) return isShown(kind, said.name, said.route.offer) ? [said] : [];
  for (const route of routes) {
    const there = ownName(kind, name, route.offer);
    if (there !== undefined && isShown(kind, there, route.offer)) targets.push({ route, name: there });
  }
  return targets;
}

/** Whose a URI says that it is, and what it is called there. */
function targetSaid(uri: string, routes: readonly Route[]): Target | undefined {
  for (const route of routes) {
    const beginning = qualifiedUri(route.offer.name, '');
    if (uri.startsWith(beginning) && uri.length > beginning.length)
      return { route, name: uri.slice(beginning.length) };
  }
  return undefined;
}

/** Whether one public name can stand for something of both. Two prefixes that differ can meet too: `a__` and `a__b__`. */
export function canClash(kind: Kind, a: Offer, b: Offer): boolean {
  if (isUri(kind) || !a.prefixed || !b.prefixed) return true;
  const [one, other] = [prefixedName(a.name, ''), prefixedName(b.name, '')];
  return one.startsWith(other) || other.startsWith(one);
}

/** The entry's own name or URI; undefined for what is no entry. */
export function entryName(kind: Kind, entry: unknown): string | undefined {
  const name = isObject(entry) ? entry[kinds[kind].key] : undefined;
  return typeof name === 'string' ? name : undefined;
}

/**
 * The entries that clients are shown, under their public names and otherwise untouched: fields and order are the upstream's. Of
 * what several upstreams have (`clashing`) names are left out, and URIs say whose they are.
 */
export function shownEntries(
  kind: Kind,
  entries: unknown,
  offer: Offer,
  clashing: ReadonlySet<string>,
): JsonObject[] {
  if (!Array.isArray(entries)) return [];
  const taken = namesTaken(kind, entries, offer);
  return entries.flatMap((entry: unknown) => {
    const name = entryName(kind, entry);
    if (name === undefined || !isShown(kind, name, offer)) return [];
    const clashes = clashing.has(publicName(kind, name, offer));
    if (clashes && !isUri(kind)) return [];
    const whose = isUri(kind) && offer.several && (clashes || saysWhose(name));
    const full = fullName(kind, name, offer);
    const alias = aliasFor(kind, full, offer);
    const several = alias !== undefined && (taken.get(alias) ?? 0) > 1;
    const key = whose ? qualifiedUri(offer.name, name) : full;
    const shown =
      alias === undefined
        ? key === name
          ? (entry as JsonObject)
          : { ...(entry as JsonObject), [kinds[kind].key]: key }
        : underAlias(entry as JsonObject, several ? aliasFor(kind, full, offer, true) : alias, full);
    const { server } = offer;
    if (server === undefined) return [shown];
    return offeredAs(kind, name, offer, server).map((offered) => asOffered(kind, shown, offered));
  });
}

/** How many of these entries have each public name. */
function namesTaken(kind: Kind, entries: readonly unknown[], offer: Offer): ReadonlyMap<string, number> {
  const taken = new Map<string, number>();
  if (isUri(kind)) return taken;
  for (const entry of entries) {
    const name = entryName(kind, entry);
    if (name === undefined) continue;
    const key = publicName(kind, name, offer);
    taken.set(key, (taken.get(key) ?? 0) + 1);
  }
  return taken;
}

/** An entry under an alias: what it is called is in `_meta`, and in its title where it has none. */
function underAlias(entry: JsonObject, alias: string | undefined, full: string): JsonObject {
  const title = typeof entry['title'] === 'string' ? {} : { title: full };
  return { ...entry, name: alias, ...title, _meta: { ...metaOf(entry), [fullNameKey]: full } };
}

/** The names of one upstream's entries of one kind, as the upstream has them. */
export interface Listing {
  readonly offer: Offer;
  readonly names: Iterable<string>;
}

/** A public name that several upstreams have something for. */
interface Clash {
  readonly kind: Kind;
  readonly name: string;
  readonly upstreams: readonly string[];
}

/**
 * Every public name that several upstreams have something for, with their names in the given order. Tools and prompts among
 * them are refused by the start, and left out at run time; URIs say whose they are.
 */
export function findClashes(kind: Kind, listings: readonly Listing[]): Clash[] {
  const owners = new Map<string, Set<string>>();
  for (const { offer, names } of listings) {
    for (const name of names) {
      if (!isShown(kind, name, offer)) continue;
      const key = publicName(kind, name, offer);
      const of = owners.get(key);
      if (of) of.add(offer.name);
      else owners.set(key, new Set([offer.name]));
    }
  }
  return [...owners]
    .filter(([, upstreams]) => upstreams.size > 1)
    .map(([name, upstreams]) => ({ kind, name, upstreams: [...upstreams] }));
}
