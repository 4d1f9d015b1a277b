import { messageOf } from '../errors.js';
import { carriedDepth, JsonNumber, jsonText, maxKeys, parseExactJson } from '../json/index.js';
import type { Reading } from './reader.js';

/**
 * A value as it arrives at the other end of a connection: what `JSON.parse(JSON.stringify(value))` makes, which shares
 * nothing with it. Undefined where JSON has nothing for it (a function, a symbol). A problem where it cannot be written:
 * a circle, a BigInt, a getter or `toJSON` that throws, more levels than a message that carries it may have. `outer` are
 * the levels of the message around it. What is plain is copied without a text.
 */
export function jsonCopy(value: unknown, outer = 0): Reading<unknown> {
  try {
    const copy = copyPlain(value, outer);
    return { ok: true, data: copy === notPlain ? copyByText(value, outer) : copy };
  } catch (error) {
    // The first line: V8 draws a circle over several.
    const [reason = ''] = messageOf(error).split('\n', 1);
    // Some thousand levels end in the writer's stack, before they can be counted.
    const deep = /^Maximum call stack size exceeded/.test(reason);
    return { ok: false, problems: [deep ? `it is nested deeper than ${carriedDepth} levels` : reason] };
  }
}

/** In place of a copy: the value is more than objects, lists and scalars. */
const notPlain = Symbol('not plain');

/** The copy of what `JSON.stringify` would write as it stands; all that it treats in its own way is not plain. */
function copyPlain(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      // There is no NaN, no infinity and no negative zero in what is written.
      return Number.isFinite(value) ? value + 0 : null;
    case 'object':
      break;
    default:
      return notPlain;
  }
  if (value === null || value instanceof JsonNumber) return value;
  if (depth >= carriedDepth || 'toJSON' in value) return notPlain;
  return Array.isArray(value) ? copyList(value, depth) : copyObject(value, depth);
}

function copyList(list: readonly unknown[], depth: number): unknown {
  const copy: unknown[] = new Array(list.length);
  for (let i = 0; i < list.length; i += 1) {
    const item = list[i];
    const one = item === undefined ? null : copyPlain(item, depth + 1);
    if (one === notPlain) return notPlain;
    copy[i] = one;
  }
  return copy;
}

function copyObject(object: object, depth: number): unknown {
  // Of those without a prototype, `JSON.rawJSON` makes some that are written in their own way.
  if (Object.getPrototypeOf(object) !== Object.prototype) return notPlain;
  const copy: Record<string, unknown> = {};
  const keys = Object.keys(object);
  // Refused there, where undefined fields are not what makes it so many.
  if (keys.length > maxKeys) return notPlain;
  for (const key of keys) {
    // Assigned, it would be the prototype of the copy.
    if (key === '__proto__') return notPlain;
    const field = (object as Record<string, unknown>)[key];
    if (field === undefined) continue;
    const one = copyPlain(field, depth + 1);
    if (one === notPlain) return notPlain;
    copy[key] = one;
  }
  return copy;
}

function copyByText(value: unknown, outer: number): unknown {
  const text = jsonText(value);
  if (text === undefined) return undefined;
  return parseExactJson(text, { what: 'it', depth: carriedDepth - outer });
}
