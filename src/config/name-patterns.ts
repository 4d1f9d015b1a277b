import { type ConfigPlace, ConfigUriPattern } from '../errors.js';
import type { Problems } from './problems.js';

/** Whether a pattern without a kind is for URIs alone: a CN may have any text, that of a URI too. */
export function isUriPattern(pattern: string): boolean {
  return !/^(URI|DNS|EMAIL|CN):/.test(pattern) && pattern.includes('://');
}

export function warnOfUriPatterns(
  patterns: readonly string[] | undefined,
  at: ConfigPlace | undefined,
  problems: Problems,
): void {
  if (at === undefined) return;
  for (const pattern of patterns ?? [])
    if (isUriPattern(pattern)) problems.warn(ConfigUriPattern({ at, pattern }));
}
