import type { RE2JS } from 're2js';
import { NoSuchGroup } from '../errors.js';

/** What replaces a match: literal text and groups, in turn. */
export type Replacement = readonly (string | { readonly group: string | number })[];

/** A text with `replacement` in the place of each match. */
export function replaceAll(text: string, pattern: RE2JS, replacement: Replacement): string {
  const matcher = pattern.matcher(text);
  let result = '';
  let at = 0;
  while (matcher.find()) {
    const parts = replacement.map((part) =>
      typeof part === 'string' ? part : (matcher.group(part.group) ?? ''),
    );
    result += text.slice(at, matcher.start()) + parts.join('');
    at = matcher.end();
  }
  return at === 0 && result === '' ? text : result + text.slice(at);
}

/**
 * Reads Python's `\1`, `\g<1>`, `\g<name>`, `\n` and `\\`; everything else is literal. A reference to a group that
 * the pattern does not have is an error now, not at the first match.
 */
export function parseReplacement(replace: string, pattern: RE2JS): Replacement {
  const named = Object.keys(pattern.namedGroups());
  const parts: (string | { group: string | number })[] = [];
  let at = 0;
  for (const match of replace.matchAll(/\\(\d{1,2})|\\g<(\w+)>|\\n|\\\\/g)) {
    parts.push(replace.slice(at, match.index));
    at = match.index + match[0].length;
    const group = match[1] ?? match[2];
    if (group === undefined) parts.push(match[0] === '\\n' ? '\n' : '\\');
    else if (/^\d+$/.test(group) && Number(group) <= pattern.groupCount())
      parts.push({ group: Number(group) });
    else if (named.includes(group)) parts.push({ group });
    else throw NoSuchGroup({ group });
  }
  return [...parts, replace.slice(at)];
}
