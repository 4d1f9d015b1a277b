import { parseJson } from '../json/index.js';

/** The value of a text that is JSON within the limits for such; undefined for any other. */
export function jsonValue(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}
