import { UsageError } from '../errors.js';
import { parseJson } from '../json/index.js';
import type { RuleRequest } from '../policy/index.js';

type Caller = Pick<RuleRequest, 'user' | 'tenant' | 'groups' | 'client' | 'authMethod' | 'claims'>;

/** What may be said of who asks. A comma in a value stays: only one before such a word parts them. */
const word = /^(user|tenant|groups?|client|method|claims\.[^=]+)=(.*)$/s;
const between = /,(?=(?:user|tenant|groups?|client|method|claims\.[^=,]+)=)/;

/** Who asks, of `user=ada,group=ops,claims.realm_access.roles=["a"]`. */
export function callerOf(given: readonly string[]): Caller {
  const single: { user?: string; tenant?: string; client?: string; authMethod?: string } = {};
  const groups: string[] = [];
  const claims: Record<string, unknown> = {};
  for (const part of given.flatMap((one) => one.split(between))) {
    const [, key = '', value = ''] = word.exec(part) ?? [];
    if (key === '')
      throw UsageError({
        message: `--as '${part}' is none of user, tenant, group, client, method and claims.NAME`,
        usage: '--as user=ada,group=ops',
      });
    if (key.startsWith('group')) groups.push(value);
    else if (key.startsWith('claims.')) setClaim(claims, key.split('.').slice(1), claimOf(value));
    else {
      const name = (key === 'method' ? 'authMethod' : key) as keyof typeof single;
      if (single[name] !== undefined)
        throw UsageError({ message: `--as says ${key} twice`, usage: '--as user=ada,group=ops' });
      single[name] = value;
    }
  }
  return { ...single, groups, claims };
}

/** JSON where it is some, else the text. */
function claimOf(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return text;
  }
}

/** Dots lead into a claim. */
function setClaim(claims: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [key = '', ...rest] = path;
  // Not an assignment: `__proto__` is a key like any other.
  const set = (one: unknown) =>
    Object.defineProperty(claims, key, { value: one, enumerable: true, writable: true, configurable: true });
  if (rest.length === 0) {
    set(value);
    return;
  }
  const there = Object.hasOwn(claims, key) ? claims[key] : undefined;
  const inner = (typeof there === 'object' && there !== null ? there : {}) as Record<string, unknown>;
  set(inner);
  setClaim(inner, rest, value);
}
