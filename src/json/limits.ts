/** Deeper than any message or configuration, and far from where a recursive reader or writer runs out of stack. */
export const maxDepth = 64;

/** For what carries the JSON of another within its own words: a hook call, its reply, a message between workers. */
export const carriedDepth = maxDepth + 8;

/** More keys than any object of a message has. Lists are bounded by the bytes of their message alone. */
export const maxKeys = 10_000;
