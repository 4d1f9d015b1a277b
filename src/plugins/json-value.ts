import { holdsNumbers, parseExactJson, parseJson } from '../json/index.js';

/** The value of a text that is JSON within the limits for such; undefined for any other. */
export function jsonValue(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

/** The same, and undefined too for one with a number that JavaScript would write in another way. */
export function exactJsonValue(text: string): unknown {
  try {
    const value = parseExactJson(text);
    return holdsNumbers(value) ? undefined : value;
  } catch {
    return undefined;
  }
}
