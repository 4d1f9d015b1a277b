import { createHmac, randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { PluginContext } from '../../plugin/index.js';

/** A part of a text that was found. */
export interface Match {
  readonly kind: string;
  /** Where it begins and ends in the text. */
  readonly start: number;
  readonly end: number;
}

/** What may become of what is found: the same words in all filters. */
const actions = ['mask', 'hash', 'token', 'remove', 'report', 'block'] as const;
export type Action = (typeof actions)[number];
export const actionSchema = z.enum(actions);

/** The keys that say what becomes of what is found, for the settings of a filter. */
export const actionKeys = {
  action: actionSchema
    .default('mask')
    .describe(
      'What becomes of what is found: `mask` puts `mask_with` in its place, `hash` its HMAC, `token` a placeholder that is the same for the same value as long as user and tenant are the same, `remove` nothing; `report` leaves it, and tells of it in the metadata; `block` stops the call.',
    ),
  mask_with: z
    .string()
    .default('[{kind}]')
    .describe('What stands in the place of what is masked; `{kind}` is what was found, in capitals.'),
  key: z
    .string()
    .min(16)
    .optional()
    .describe(
      'The key of `hash` and `token`, of 16 characters or more: `"{{ env.FILTER_KEY }}"`. `hash` needs it. Without it tokens change with each start of the process, and differ between workers.',
    ),
} as const;

export const hashNeedsKey = 'hash needs a key: key: "{{ env.FILTER_KEY }}"';

/** What stands in the place of a value that was found. */
export type Replace = (action: Action, kind: string, value: string) => string;

/** How replacements are made, by the settings of `actionKeys`. */
export interface ReplaceSettings {
  readonly mask_with: string;
  readonly key?: string | undefined;
}

/**
 * Makes replacements for one request. What is masked, hashed or a token is in brackets, `[EMAIL]`, `[EMAIL:6f1c0a…]`, and no
 * filter finds it again.
 */
export function createReplacer({ mask_with, key }: ReplaceSettings): (context: PluginContext) => Replace {
  const secret = key ?? randomBytes(32).toString('hex');
  const digest = (scope: string, value: string) =>
    createHmac('sha256', secret).update(scope).update('\0').update(value).digest();
  return (context) => (action, kind, value) => {
    const name = kind.toUpperCase();
    if (action === 'report') return value;
    if (action === 'remove') return '';
    if (action === 'hash') return `[${name}:${lettersOf(digest('', value), 16)}]`;
    if (action === 'token') return `[${name}_${lettersOf(digest(scopeOf(context), value), 8)}]`;
    return mask_with.replaceAll('{kind}', name);
  };
}

/** No digits, and no vowels that could make words: nothing that a filter could find. */
const letters = 'bcdfghjklmnpqrst';
const lettersOf = (digest: Buffer, length: number): string =>
  Array.from(digest.subarray(0, length / 2), (byte) => `${letters[byte >> 4]}${letters[byte & 15]}`).join('');

/** For whom a token is the same. */
function scopeOf({ global_context: { user, tenant_id } }: PluginContext): string {
  return JSON.stringify([
    tenant_id ?? null,
    typeof user === 'string' ? user : (user?.['email'] ?? user ?? null),
  ]);
}

/** The text with `replace` in the place of its matches, which are in order and do not overlap. */
export function replaceMatches(
  text: string,
  matches: readonly Match[],
  replace: (match: Match, value: string) => string,
): string {
  let made = '';
  let copied = 0;
  for (const match of matches) {
    made += text.slice(copied, match.start) + replace(match, text.slice(match.start, match.end));
    copied = match.end;
  }
  return made + text.slice(copied);
}

/** Matches in order, without those that overlap one before: of two that begin at one place the longer stays. */
export function apart(matches: Match[]): Match[] {
  if (matches.length < 2) return matches;
  matches.sort((a, b) => a.start - b.start || b.end - a.end);
  let end = 0;
  return matches.filter((match) => {
    if (match.start < end) return false;
    end = match.end;
    return true;
  });
}
