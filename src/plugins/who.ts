import type { PluginContext } from '../plugin/index.js';

/** Who a request is from, as a name that is the same for each request of theirs; undefined where nobody is known. */
export function userOf({ global_context: { user } }: PluginContext): string | undefined {
  if (typeof user === 'string') return user.trim() || undefined;
  for (const key of ['email', 'id', 'sub', 'name']) {
    const value = user?.[key];
    if (typeof value === 'string' && value.trim() !== '') return value.trim();
  }
  return undefined;
}
