import type { z } from 'zod';
import { holdsNumbers, plainJson } from '../json/index.js';
import { quickAccept } from './accepts.js';
import { problemsOf } from './problems.js';

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
