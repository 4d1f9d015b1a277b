import { isObject, type JsonObject } from '../../mcp/messages.js';
import { type Kind, kinds } from '../../mcp/methods.js';
import { mayCollide, nameOffered, type Offer, publicName, uriOffered } from './names.js';

const isNamed = (kind: Kind) => kinds[kind].key === 'name';

/** The names of one upstream's entries of one kind, as the upstream has them. */
export interface Listing {
  readonly offer: Offer;
  readonly names: Iterable<string>;
}

/** A public name that several upstreams have something for. */
export interface Clash {
  readonly kind: Kind;
  readonly name: string;
  readonly upstreams: readonly string[];
}

/** Whether the upstream offers this entry. What a template expands to is looked at when it is read. */
export function offered(kind: Kind, offer: Offer, name: string): boolean {
  return kind === 'resources' ? uriOffered(offer, name) : nameOffered(offer, name);
}

/** How clients know an entry that its upstream calls `name`. URIs stay as they are: they stand in results too. */
function publicKey(kind: Kind, offer: Offer, name: string): string {
  return isNamed(kind) ? publicName(offer, name) : name;
}

/** The entry's own name or URI; undefined for what is no entry. */
export function entryName(kind: Kind, entry: unknown): string | undefined {
  const name = isObject(entry) ? entry[kinds[kind].key] : undefined;
  return typeof name === 'string' ? name : undefined;
}

/** Whether names of this kind can meet: URIs of any two upstreams can. */
export function canClash(kind: Kind, a: Offer, b: Offer): boolean {
  return isNamed(kind) ? mayCollide(a, b) : true;
}

/**
 * Every public name that several upstreams have something for, with their names in the given order. The start refuses
 * them; at run time all of them are left out.
 */
export function findClashes(kind: Kind, listings: readonly Listing[]): Clash[] {
  const owners = new Map<string, Set<string>>();
  for (const { offer, names } of listings) {
    for (const name of names) {
      if (!offered(kind, offer, name)) continue;
      const key = publicKey(kind, offer, name);
      const of = owners.get(key);
      if (of) of.add(offer.name);
      else owners.set(key, new Set([offer.name]));
    }
  }
  return [...owners]
    .filter(([, upstreams]) => upstreams.size > 1)
    .map(([name, upstreams]) => ({ kind, name, upstreams: [...upstreams] }));
}

/** The entries that are offered, under their public names and otherwise untouched: fields and order are the upstream's. */
export function publicEntries(
  kind: Kind,
  offer: Offer,
  entries: unknown,
  clashing: ReadonlySet<string>,
): JsonObject[] {
  if (!Array.isArray(entries)) return [];
  return entries.flatMap((entry: unknown) => {
    const name = entryName(kind, entry);
    if (name === undefined || !offered(kind, offer, name)) return [];
    const key = publicKey(kind, offer, name);
    if (clashing.has(key)) return [];
    return [key === name ? (entry as JsonObject) : { ...(entry as JsonObject), [kinds[kind].key]: key }];
  });
}
