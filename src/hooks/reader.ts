import type { z } from 'zod';
import { messageOf } from '../errors.js';
import {
  carriedDepth,
  holdsNumbers,
  JsonNumber,
  jsonText,
  maxKeys,
  parseExactJson,
  plainJson,
} from '../json/index.js';

/** What a schema makes of a value. */
export type Reading<T> =
  | { readonly ok: true; readonly data: T }
  | { readonly ok: false; readonly problems: readonly string[] };

/**
 * Reads values by a schema: what it surely takes as it is, at once; of everything else the schema says whether it is
 * taken. What it is taken as is the value itself, filled in by `fill`: schemas drop keys, and know no number but those of
 * JavaScript. `settled` is the schema of those values that need no filling, where that is not `schema` itself.
 */
export function reader<S extends z.ZodType>(
  schema: S,
  settled: z.core.$ZodType = schema,
  fill: (value: z.input<S>) => z.output<S> = (value) => value as z.output<S>,
): (value: unknown) => Reading<z.output<S>> {
  const shape = shapeOf(settled);
  return (value) => {
    if (accepts(shape, value)) return { ok: true, data: value as z.output<S> };
    const read = schema.safeParse(holdsNumbers(value) ? plainJson(value) : value);
    return read.success
      ? { ok: true, data: fill(value as z.input<S>) }
      : { ok: false, problems: problemsOf(read.error) };
  };
}

/** A schema's definition, as far as it is looked at here. */
interface Def {
  readonly type: string;
  readonly format?: string;
  readonly checks?: readonly unknown[];
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>;
  readonly catchall?: z.core.$ZodType;
  readonly innerType?: z.core.$ZodType;
  readonly element?: z.core.$ZodType;
  readonly keyType?: z.core.$ZodType;
  readonly valueType?: z.core.$ZodType;
  readonly options?: readonly z.core.$ZodType[];
}

/** What a schema surely takes as it is. */
interface Shape {
  readonly type:
    | 'never'
    | 'unknown'
    | 'string'
    | 'boolean'
    | 'number'
    | 'safeint'
    | 'array'
    | 'union'
    | 'object';
  readonly optional?: boolean;
  readonly nullable?: boolean;
  /** Of an object: its fields. */
  readonly fields?: readonly (readonly [name: string, shape: Shape])[];
  /** Of a list: its items. Of an object: all that is in it. */
  readonly each?: Shape | undefined;
  readonly options?: readonly Shape[];
}

const never: Shape = { type: 'never' };

/** A fast check, made of the schema itself: see `accepts`. */
export function quickAccept(schema: z.core.$ZodType): (value: unknown) => boolean {
  const shape = shapeOf(schema);
  return (value) => accepts(shape, value);
}

/** What a schema is made of and this does not know is a `never`. */
function shapeOf(schema: z.core.$ZodType | undefined): Shape {
  const def = schema?._zod.def as Def | undefined;
  if (def === undefined || (def.checks?.length ?? 0) > 0) return never;
  switch (def.type) {
    case 'string':
      return def.format === undefined ? { type: 'string' } : never;
    case 'boolean':
    case 'unknown':
      return { type: def.type };
    case 'number':
      if (def.format === undefined) return { type: 'number' };
      return def.format === 'safeint' ? { type: 'safeint' } : never;
    case 'optional':
      return { ...shapeOf(def.innerType), optional: true };
    case 'nullable':
      return { ...shapeOf(def.innerType), nullable: true };
    case 'default':
      // The inner schema alone: what is absent would be filled in, and is not the value any more.
      return shapeOf(def.innerType);
    case 'array':
      return { type: 'array', each: shapeOf(def.element) };
    case 'union':
      return { type: 'union', options: (def.options ?? []).map(shapeOf) };
    case 'record': {
      const each = shapeOf(def.valueType);
      if (shapeOf(def.keyType).type !== 'string') return never;
      return { type: 'object', fields: [], each: each.type === 'unknown' ? undefined : each };
    }
    case 'object': {
      if (shapeOf(def.catchall).type !== 'unknown') return never;
      const fields = Object.entries(def.shape ?? {}).map(([key, field]) => [key, shapeOf(field)] as const);
      return { type: 'object', fields };
    }
    default:
      return never;
  }
}

/**
 * Whether the schema surely takes the value, and its output is the value, so that parsing it once more would change
 * nothing. False says nothing: then the schema has to judge.
 */
function accepts(shape: Shape, value: unknown): boolean {
  const { type } = shape;
  if (type === 'unknown' || (value === undefined && shape.optional) || (value === null && shape.nullable)) {
    return true;
  }
  switch (type) {
    case 'string':
    case 'boolean':
      return typeof value === type;
    case 'number':
      return Number.isFinite(value);
    case 'safeint':
      return Number.isSafeInteger(value);
    case 'union':
      return shape.options?.some((option) => accepts(option, value)) === true;
    case 'array':
      return Array.isArray(value) && value.every((item) => accepts(shape.each ?? never, item));
    case 'object': {
      // As JSON.parse makes it. Schemas drop an own `__proto__`: such an object is theirs to judge.
      if (typeof value !== 'object' || value === null) return false;
      if (Object.getPrototypeOf(value) !== Object.prototype || Object.hasOwn(value, '__proto__'))
        return false;
      const object = value as Record<string, unknown>;
      for (const [key, field] of shape.fields ?? []) if (!accepts(field, object[key])) return false;
      if (shape.each) for (const key in object) if (!accepts(shape.each, object[key])) return false;
      return true;
    }
    default:
      return false;
  }
}

/** `path.to[0].field: what is wrong`. */
export function problemText(path: readonly PropertyKey[], message: string): string {
  const where = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  const what = message.replace(/^Invalid input: /, '');
  return where === '' ? what : `${where.replace(/^\./, '')}: ${what}`;
}

/** A line for each thing that a schema found. */
export function problemsOf(error: z.ZodError): string[] {
  return error.issues.map((issue) => problemText(issue.path, issue.message));
}

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
