import type { UpstreamSettings } from '../../config/index.js';
import { patternMatches } from './patterns.js';
import { uriForms } from './uris.js';

/** What an upstream offers, and under which names: all that naming needs to know of it. */
export interface Offer {
  readonly name: string;
  readonly prefixed: boolean;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** The same patterns in every spelling of a URI. */
  readonly uris: { readonly include: readonly string[]; readonly exclude: readonly string[] };
}

const separator = '__';

/** How the names of this upstream are offered where there are `count` of them. */
export function offerOf(
  { name, prefix, include, exclude }: Pick<UpstreamSettings, 'name' | 'prefix' | 'include' | 'exclude'>,
  count: number,
): Offer {
  const prefixed = prefix === 'always' || (prefix === 'auto' && count > 1);
  const uris = { include: include.flatMap(uriForms), exclude: exclude.flatMap(uriForms) };
  return { name, prefixed, include, exclude, uris };
}

/** The name by which clients know a tool or prompt of this upstream. */
export function publicName(offer: Offer, name: string): string {
  return offer.prefixed ? `${offer.name}${separator}${name}` : name;
}

/** The upstream's own name for it; undefined where the name cannot be one of its. */
export function ownName(offer: Offer, name: string): string | undefined {
  if (!offer.prefixed) return name;
  const prefix = offer.name + separator;
  return name.startsWith(prefix) && name.length > prefix.length ? name.slice(prefix.length) : undefined;
}

/** Whether the patterns let through a tool, prompt or resource template of this name. */
export function nameOffered({ include, exclude }: Offer, name: string): boolean {
  return matchesSome(include, name, true) && !matchesSome(exclude, name, false);
}

/**
 * Whether the patterns let through this URI. One URI has many spellings (`%2e%2e`, `/a/../b`), and the upstream may
 * read any of them: all have to be included, and none excluded.
 */
export function uriOffered({ uris: { include, exclude } }: Offer, uri: string): boolean {
  if (include.length === 0 && exclude.length === 0) return true;
  const forms = uriForms(uri);
  return (
    forms.every((form) => matchesSome(include, form, true)) &&
    !forms.some((form) => matchesSome(exclude, form, false))
  );
}

function matchesSome(patterns: readonly string[], text: string, ifNone: boolean): boolean {
  return patterns.length === 0 ? ifNone : patterns.some((pattern) => patternMatches(pattern, text));
}

/** Whether one public name can stand for something of both. Two prefixes that differ can meet too: `a__` and `a__b__`. */
export function mayCollide(a: Offer, b: Offer): boolean {
  if (!a.prefixed || !b.prefixed) return true;
  const [one, other] = [a.name + separator, b.name + separator];
  return one.startsWith(other) || other.startsWith(one);
}
