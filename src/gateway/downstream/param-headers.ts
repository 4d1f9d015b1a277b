import type { IncomingHttpHeaders } from 'node:http';
import { plainNumber } from '../../json/index.js';
import type { JsonObject } from '../rpc.js';
import { decodeHeaderValue } from './header-value.js';
import { isObject } from './message.js';

interface Declared {
  /** In lower case, as Node has the names of headers. */
  readonly header: string;
  readonly path: readonly string[];
  readonly numeric: boolean;
}

/** Checks `Mcp-Param-*` headers against a tool's schema; says what is wrong. */
export type ParamHeaderCheck = (
  schema: JsonObject,
  args: unknown,
  headers: IncomingHttpHeaders,
) => string | undefined;

/** A check that reads each schema once, for as long as the schema is in use. */
export function createParamHeaderCheck(): ParamHeaderCheck {
  const known = new WeakMap<JsonObject, readonly Declared[]>();
  return (schema, args, headers) => {
    let declared = known.get(schema);
    if (declared === undefined) {
      declared = declaredHeaders(schema);
      known.set(schema, declared);
    }
    for (const one of declared) {
      const problem = problemOf(one, args, headers);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
}

/** Parameters that are mirrored: those on a chain of `properties` only (2026-07-28, Schema Extension). */
function declaredHeaders(schema: JsonObject, path: readonly string[] = []): readonly Declared[] {
  const { properties } = schema;
  // A schema is an upstream's: however deep it is, the walk ends.
  if (!isObject(properties) || path.length > 32) return [];
  return Object.entries(properties).flatMap(([name, property]) => {
    if (!isObject(property)) return [];
    const here = [...path, name];
    const header = property['x-mcp-header'];
    const numeric = property['type'] === 'integer' || property['type'] === 'number';
    const own =
      typeof header === 'string' && header !== ''
        ? [{ header: `mcp-param-${header.toLowerCase()}`, path: here, numeric }]
        : [];
    return [...own, ...declaredHeaders(property, here)];
  });
}

function problemOf(
  { header, path, numeric }: Declared,
  args: unknown,
  headers: IncomingHttpHeaders,
): string | undefined {
  let value: unknown = args;
  for (const name of path) value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  value = plainNumber(value);
  // Absent or null: no header is expected. Objects and lists are not mirrored.
  if (!['string', 'number', 'boolean'].includes(typeof value)) return undefined;
  const seen = headers[header];
  const where = `arguments.${path.join('.')}`;
  if (typeof seen !== 'string') return `${header} is missing, and ${where} has a value`;
  const decoded = decodeHeaderValue(seen);
  if (decoded === undefined) return `${header} '${seen}' is not encoded as a header value has to be`;
  const same =
    numeric && typeof value === 'number' && /^-?\d+(\.\d+)?$/.test(decoded)
      ? Number(decoded) === value
      : decoded === String(value);
  return same ? undefined : `${header} '${decoded}' does not match ${where}`;
}
