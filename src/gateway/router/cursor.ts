import { parseJson } from '../../json/index.js';

/** Where a list goes on: at which upstreams, each with its own cursor; none where its list has not begun. */
export type Place = readonly { readonly upstream: string; readonly cursor?: string }[];

/** More is none of ours: an upstream's cursors are short, and there are few upstreams. */
const maxLength = 16_384;

export function writeCursor(place: Place): string {
  return Buffer.from(
    JSON.stringify(place.map(({ upstream, cursor }) => [upstream, cursor ?? null])),
  ).toString('base64url');
}

/** Undefined for what was not written here. It is a client's word: the upstreams named in it may not exist. */
export function readCursor(cursor: unknown): Place | undefined {
  if (typeof cursor !== 'string' || cursor.length > maxLength) return undefined;
  let value: unknown;
  try {
    value = parseJson(Buffer.from(cursor, 'base64url').toString());
  } catch {
    return undefined;
  }
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const place = value.flatMap((one: unknown) => {
    if (!Array.isArray(one) || one.length !== 2 || typeof one[0] !== 'string') return [];
    if (one[1] === null) return [{ upstream: one[0] }];
    return typeof one[1] === 'string' ? [{ upstream: one[0], cursor: one[1] }] : [];
  });
  const distinct = new Set(place.map(({ upstream }) => upstream));
  return place.length === value.length && distinct.size === place.length ? place : undefined;
}
