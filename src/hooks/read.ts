import type { z } from 'zod';
import { quickAccept } from './accepts.js';
import { problemsOf } from './problems.js';

/** What a schema makes of a value. */
export type Reading<T> =
  | { readonly ok: true; readonly data: T }
  | { readonly ok: false; readonly problems: readonly string[] };

/**
 * Reads values by a schema: what it surely takes as it is, at once; everything else as the schema says. `settled` is the
 * schema of those values that it leaves as they are, where that is not `schema` itself.
 */
export function reader<S extends z.ZodType>(
  schema: S,
  settled: z.core.$ZodType = schema,
): (value: unknown) => Reading<z.output<S>> {
  const accepts = quickAccept(settled);
  return (value) => {
    if (accepts(value)) return { ok: true, data: value as z.output<S> };
    const read = schema.safeParse(value);
    return read.success ? { ok: true, data: read.data } : { ok: false, problems: problemsOf(read.error) };
  };
}
