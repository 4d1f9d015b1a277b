import { isDeepStrictEqual } from 'node:util';
import { isJsonObject } from '../json/index.js';

/** What one plugin of a band made of the payload that all of the band were given. */
export interface Change {
  readonly plugin: string;
  readonly value: unknown;
}

/** Two plugins of one band that changed the same field, each in its own way. */
export interface Conflict {
  readonly path: string;
  readonly plugins: readonly [string, string];
}

type Dict = Readonly<Record<string, unknown>>;

const isDict: (value: unknown) => value is Dict = isJsonObject;

/**
 * The changes that plugins made to `base` independently of each other, in one value. Objects are merged field by
 * field; anything else, lists too, is one field. The same change twice is one change.
 */
export function mergeChanges(
  base: unknown,
  changes: readonly Change[],
  path = '',
): { value: unknown } | Conflict {
  const made = changes.filter(({ value }) => !isDeepStrictEqual(value, base));
  const [first, ...others] = made;
  if (first === undefined) return { value: base };
  const other = others.find(({ value }) => !isDeepStrictEqual(value, first.value));
  if (other === undefined) return { value: first.value };
  if (!isDict(base) || !made.every(({ value }) => isDict(value))) {
    return { path: path || 'the payload', plugins: [first.plugin, other.plugin] };
  }
  const merged: Record<string, unknown> = {};
  for (const key of new Set([base, ...made.map(({ value }) => value as Dict)].flatMap(Object.keys))) {
    const fields = made.map(({ plugin, value }) => ({ plugin, value: (value as Dict)[key] }));
    const field = mergeChanges(base[key], fields, path ? `${path}.${key}` : key);
    if ('plugins' in field) return field;
    if (field.value !== undefined) merged[key] = field.value;
  }
  return { value: merged };
}
