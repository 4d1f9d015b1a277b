import type { z } from 'zod';
import { holdsNumbers, plainJson } from '../json/index.js';

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
  const accepts = quickAccept(settled);
  return (value) => {
    if (accepts(value)) return { ok: true, data: value as z.output<S> };
    const read = schema.safeParse(holdsNumbers(value) ? plainJson(value) : value);
    return read.success
      ? { ok: true, data: fill(value as z.input<S>) }
      : { ok: false, problems: problemsOf(read.error) };
  };
}

type Accepts = (value: unknown) => boolean;

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

const definition = (schema: z.core.$ZodType | undefined): Def | undefined =>
  schema?._zod.def as Def | undefined;

/**
 * A fast check, made of the schema itself: where it returns true, the schema takes the value and its output is the
 * value, so that parsing it once more would change nothing. False says nothing: then the schema has to judge. What the
 * schema is made of and this does not know is a "no".
 */
export function quickAccept(schema: z.core.$ZodType): Accepts {
  const def = definition(schema);
  const never = () => false;
  if (def === undefined || (def.checks?.length ?? 0) > 0) return never;
  switch (def.type) {
    case 'string':
      return def.format === undefined ? (value) => typeof value === 'string' : never;
    case 'boolean':
      return (value) => typeof value === 'boolean';
    case 'number':
      if (def.format === undefined) return Number.isFinite;
      return def.format === 'safeint' ? Number.isSafeInteger : never;
    case 'unknown':
      return () => true;
    case 'optional':
      return orElse(def.innerType, undefined);
    case 'nullable':
      return orElse(def.innerType, null);
    case 'default':
      // The inner schema alone: what is absent would be filled in, and is not the value any more.
      return inner(def.innerType);
    case 'array': {
      const element = inner(def.element);
      return (value) => Array.isArray(value) && value.every(element);
    }
    case 'union': {
      const options = (def.options ?? []).map(quickAccept);
      return (value) => options.some((accepts) => accepts(value));
    }
    case 'record':
      return record(def);
    case 'object':
      return definition(def.catchall)?.type === 'unknown' ? looseObject(def) : never;
    default:
      return never;
  }
}

function inner(schema: z.core.$ZodType | undefined): Accepts {
  return schema === undefined ? () => false : quickAccept(schema);
}

function orElse(schema: z.core.$ZodType | undefined, absent: null | undefined): Accepts {
  const accepts = inner(schema);
  return (value) => value === absent || accepts(value);
}

/** An object as JSON.parse makes it. Schemas drop an own `__proto__`: such an object is theirs to judge. */
function isPlain(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.getPrototypeOf(value) === Object.prototype &&
    !Object.hasOwn(value, '__proto__')
  );
}

function record({ keyType, valueType }: Def): Accepts {
  if (definition(keyType)?.type !== 'string' || (definition(keyType)?.checks?.length ?? 0) > 0)
    return () => false;
  if (definition(valueType)?.type === 'unknown') return isPlain;
  const accepts = inner(valueType);
  return (value) => {
    if (!isPlain(value)) return false;
    for (const key in value) if (!accepts(value[key])) return false;
    return true;
  };
}

function looseObject({ shape = {} }: Def): Accepts {
  const fields = Object.entries(shape).map(([key, schema]) => [key, quickAccept(schema)] as const);
  return (value) => {
    if (!isPlain(value)) return false;
    for (const [key, accepts] of fields) if (!accepts(value[key])) return false;
    return true;
  };
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
