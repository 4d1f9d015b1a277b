import { isJsonObject, JsonNumber, sameNumber } from '../../json/index.js';

/** Fields of MCP's types whose value is free: a null in them is a value like any other. */
const free: ReadonlySet<string> = new Set(['structuredContent', '_meta']);

/**
 * `changed` with every part that equals the original's in the original's place and order. A plugin answers with a whole
 * payload, which other JSON libraries have written with their own order of keys: what it did not touch stays as it came.
 *
 * With `typed`, a null where the original has nothing is no change: peers write the absent fields of MCP's types so.
 */
export function graft(original: unknown, changed: unknown, typed = false): unknown {
  if (original instanceof JsonNumber) return sameNumber(original, changed) ? original : changed;
  if (Array.isArray(changed)) {
    const before: readonly unknown[] = Array.isArray(original) ? original : [];
    return changed.map((item, i) => graft(before[i], item, typed));
  }
  if (!isJsonObject(changed)) return changed;
  const before = isJsonObject(original) ? original : {};
  const fields: [string, unknown][] = [];
  const within = (key: string) => typed && !free.has(key);
  for (const key of Object.keys(before)) {
    if (Object.hasOwn(changed, key)) fields.push([key, graft(before[key], changed[key], within(key))]);
  }
  for (const [key, value] of Object.entries(changed)) {
    if (Object.hasOwn(before, key) || (typed && value === null)) continue;
    fields.push([key, graft(undefined, value, within(key))]);
  }
  // Not an assignment: `__proto__` is a key like any other in JSON.
  return Object.fromEntries(fields);
}
