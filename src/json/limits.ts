/** Deeper than any message or configuration, and far from where a recursive reader or writer runs out of stack. */
export const maxDepth = 64;

/** For what carries the JSON of another within its own words: a hook call, its reply, a message between workers. */
export const carriedDepth = maxDepth + 8;

/** More keys than any object of a message has. Lists are bounded by the bytes of their message alone. */
export const maxKeys = 10_000;

/** What is too much of a value that no text was read for: its levels, or the keys of an object in it. */
export function beyondLimits(value: unknown, levels: number = maxDepth): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (levels === 0) return `it is nested deeper than ${maxDepth} levels`;
  let keys = 0;
  for (const key in value) {
    const found = beyondLimits((value as Record<string, unknown>)[key], levels - 1);
    if (found !== undefined) return found;
    keys += 1;
  }
  if (keys <= maxKeys || Array.isArray(value)) return undefined;
  return `an object in it has more than ${maxKeys} keys`;
}
