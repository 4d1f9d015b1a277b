/** Numbers that follow from a seed (mulberry32): the same seed makes the same inputs. */
export function createRandom(seed) {
  let state = hash(String(seed));
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    /** A whole number from 0 to `below`, without it. */
    below: (below) => Math.floor(next() * below),
    pick: (list) => list[Math.floor(next() * list.length)],
    chance: (probability) => next() < probability,
  };
}

/** FNV-1a of a text or bytes, in 32 bits. */
export function hash(input) {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(input)) value = Math.imul(value ^ byte, 0x01000193);
  return value >>> 0;
}
