import { isIP } from 'node:net';
import type { ErrorObject, ValidateFunction } from 'ajv';
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { RE2JS } from 're2js';

/** What is wrong with a value, without anything of the value but names of its fields. */
export type Validate = (value: unknown) => readonly string[];

/** How values are taken. */
export interface ValidatorOptions {
  /** Whether `format` is a rule, and not a remark. */
  readonly formats: boolean;
  /** Whether a value of another type becomes one of the type asked for, in place: `"5"` for a number. */
  readonly coerce: boolean;
  /** Whether defaults of the schema are put in, in place. */
  readonly defaults: boolean;
}

const draft07 = 'http://json-schema.org/draft-07/schema';
/** So many problems are told. */
const mostProblems = 20;
/** For a value of more than so many parts the first problem is all that is looked for. */
const partsForAll = 10_000;

/** Patterns in linear time: a schema with one that is none is refused at the start. */
const regExp = Object.assign(
  (pattern: string) => {
    const compiled = RE2JS.compile(pattern);
    // ajv knows one expression from another by its text.
    return { test: (text: string) => compiled.matcher(text).find(), toString: () => `/${pattern}/u` };
  },
  { code: '' },
);

/** ajv compares each item with each: this takes time by their size. */
const uniqueItems = {
  keyword: 'uniqueItems',
  type: 'array' as const,
  schemaType: 'boolean' as const,
  error: { message: 'must NOT have duplicate items' },
  compile: (unique: boolean) => (items: unknown[]) => {
    if (!unique || items.length < 2) return true;
    const seen = new Set<string>();
    for (const item of items) {
      const text = canonical(item);
      if (seen.has(text)) return false;
      seen.add(text);
    }
    return true;
  },
};

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, field: unknown) =>
    typeof field === 'object' && field !== null && !Array.isArray(field)
      ? Object.fromEntries(Object.entries(field).sort(([a], [b]) => (a < b ? -1 : 1)))
      : field,
  );
}

const dateTime =
  /^\d{4}-(0\d|1[0-2])-([0-2]\d|3[01])[Tt ]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;
const formats = {
  'date-time': dateTime,
  date: /^\d{4}-(0\d|1[0-2])-([0-2]\d|3[01])$/,
  time: /^([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/,
  email: (text: string) =>
    text.length <= 254 && /^[^\s@"(),:;<>[\\\]]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$/.test(text),
  hostname: (text: string) =>
    text.length <= 253 &&
    text.split('.').every((label) => /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(label)),
  ipv4: (text: string) => isIP(text) === 4,
  ipv6: (text: string) => isIP(text) === 6,
  uri: (text: string) => /^[A-Za-z][A-Za-z0-9+.-]*:[^\s]*$/.test(text) && URL.canParse(text),
  uuid: /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i,
};

/**
 * Makes a validator of a JSON Schema: 2020-12, or draft-07 where `$schema` says so. A `$ref` leads within the schema alone.
 *
 * @throws what ajv says of a schema that is none.
 */
export function createValidator(schema: Record<string, unknown>, options: ValidatorOptions): Validate {
  const one = compile(schema, options, false);
  const all = compile(schema, { ...options, coerce: false, defaults: false }, true);
  return (value) => {
    if (one(value)) return [];
    const small = parts(value, partsForAll) < partsForAll;
    const errors = small && !all(value) ? all.errors : one.errors;
    return (errors ?? []).slice(0, mostProblems).map(problem);
  };
}

function compile(
  schema: Record<string, unknown>,
  options: ValidatorOptions,
  allErrors: boolean,
): ValidateFunction {
  const Dialect = String(schema['$schema'] ?? '').startsWith(draft07) ? Ajv : Ajv2020;
  const ajv = new Dialect({
    strict: false,
    allErrors,
    validateFormats: options.formats,
    coerceTypes: options.coerce,
    useDefaults: options.defaults,
    formats,
    logger: false,
    code: { regExp: regExp as never },
  });
  ajv.removeKeyword('uniqueItems').addKeyword(uniqueItems);
  return ajv.compile(schema);
}

function problem({ instancePath, message = 'is not valid', keyword, params }: ErrorObject): string {
  const extra = keyword === 'additionalProperties' || keyword === 'unevaluatedProperties';
  const name = extra ? `: ${String(Object.values(params)[0])}` : '';
  return `${instancePath === '' ? '' : `${instancePath}: `}${message}${name}`;
}

/** How many parts a value has, or `most`. */
function parts(value: unknown, most: number): number {
  let count = 0;
  const waiting = [value];
  while (waiting.length > 0 && count < most) {
    const next = waiting.pop();
    count += 1;
    if (typeof next === 'object' && next !== null)
      for (const field of Object.values(next)) waiting.push(field);
  }
  return waiting.length > 0 ? most : count;
}
