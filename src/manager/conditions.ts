import type { Condition } from '../config/index.js';
import { type GlobalContext, hookRow } from '../hooks/index.js';

/**
 * Whether a plugin's conditions let it run: there are none, or one of them matches. Inside one every present
 * field must match. A field that the call has no value for does not match: a condition can only narrow.
 */
export function conditionsMatch(
  conditions: readonly Condition[],
  hook: string,
  payload: unknown,
  context: GlobalContext,
): boolean {
  return (
    conditions.length === 0 || conditions.some((condition) => matches(condition, hook, payload, context))
  );
}

function matches(condition: Condition, hook: string, payload: unknown, context: GlobalContext): boolean {
  const { server_ids, tenant_ids, user_patterns, content_types } = condition;
  return (
    within(server_ids, context.server_id) &&
    within(tenant_ids, context.tenant_id) &&
    (!user_patterns?.length ||
      user_patterns.some((pattern) => userNames(context.user).some((user) => user.includes(pattern)))) &&
    within(
      content_types?.map((type) => type.toLowerCase()),
      mediaType(context.content_type),
    ) &&
    payloadMatches(condition, hook, payload)
  );
}

function payloadMatches(condition: Condition, hook: string, payload: unknown): boolean {
  const match = hookRow(hook)?.match;
  if (match === undefined) return true;
  const value = (payload as Record<string, unknown> | null)?.[match.field];
  return within(condition[match.condition], typeof value === 'string' ? value : undefined);
}

function within(allowed: readonly string[] | undefined, value: string | null | undefined): boolean {
  return !allowed?.length || (value !== null && value !== undefined && allowed.includes(value));
}

/** Newer peers send the user as an object: any of the names in it may match. */
function userNames(user: GlobalContext['user']): string[] {
  if (typeof user === 'string') return [user];
  return [user?.['email'], user?.['id'], user?.['name'], user?.['sub']].filter(
    (name) => typeof name === 'string',
  );
}

/** `application/json` out of `application/json; charset=utf-8`. */
function mediaType(contentType: string | null | undefined): string | undefined {
  return contentType?.split(';')[0]?.trim().toLowerCase();
}
