import { messageOf } from '../errors.js';

/** Deeper values are left to what takes any depth, and any circle. */
const maxDepth = 64;

const isPlainObject = (value: object): value is Record<string, unknown> => {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};

/**
 * A copy of a value that shares nothing with it. Rejects what `structuredClone` rejects.
 *
 * @throws DataCloneError for functions, symbols and the like.
 */
export function deepCopy<T>(value: T): T {
  try {
    return copyPlain(value, 0) as T;
  } catch (error) {
    if (error !== notPlain) throw error;
    return structuredClone(value);
  }
}

/** Thrown, and caught here: a value that is more than objects, lists and scalars. */
const notPlain = Symbol('not plain');

function copyPlain(value: unknown, depth: number): unknown {
  if (typeof value === 'function' || typeof value === 'symbol' || depth > maxDepth) throw notPlain;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const copy: unknown[] = new Array(value.length);
    for (let i = 0; i < value.length; i += 1) copy[i] = copyPlain(value[i], depth + 1);
    return copy;
  }
  if (!isPlainObject(value)) throw notPlain;
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    // Assigned, it would be the prototype of the copy.
    if (key === '__proto__') throw notPlain;
    copy[key] = copyPlain(value[key], depth + 1);
  }
  return copy;
}

/**
 * Why a value cannot cross the wire as JSON (a circle, a BigInt); undefined where it can. Nothing is written where
 * looking at it is enough.
 */
export function jsonProblem(value: unknown): string | undefined {
  try {
    if (!surelyJson(value, 0)) JSON.stringify(value);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

function surelyJson(value: unknown, depth: number): boolean {
  if (typeof value === 'bigint' || depth > maxDepth) return false;
  if (typeof value !== 'object' || value === null) return true;
  // What has a `toJSON` of its own may throw in it.
  if ('toJSON' in value) return false;
  if (Array.isArray(value)) {
    for (const item of value) if (!surelyJson(item, depth + 1)) return false;
    return true;
  }
  if (!isPlainObject(value)) return false;
  for (const key in value) if (!surelyJson(value[key], depth + 1)) return false;
  return true;
}
