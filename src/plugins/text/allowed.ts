import type { RE2JS } from 're2js';
import { z } from 'zod';
import { pattern } from '../pattern.js';

/** The keys that say what is no finding, for the settings of a filter. */
export const allowKeys = {
  allow: z
    .array(z.string().min(1))
    .default([])
    .describe('What is no finding: values, in any case; `*` stands for any part: `*@example.org`.'),
  allow_patterns: z
    .array(pattern)
    .default([])
    .describe('Regular expressions (RE2) of what is no finding: the whole of it has to match.'),
} as const;

/** What says whether a value is allowed. */
export function allowedBy({
  allow,
  allow_patterns,
}: {
  readonly allow: readonly string[];
  readonly allow_patterns: readonly RE2JS[];
}): (value: string) => boolean {
  const lower = allow.map((value) => value.toLowerCase());
  const exact = new Set(lower.filter((value) => !value.includes('*')));
  const wild = lower.filter((value) => value.includes('*')).map((value) => value.split('*'));
  if (allow.length === 0 && allow_patterns.length === 0) return () => false;
  return (value) => {
    const text = value.toLowerCase();
    return (
      exact.has(text) ||
      wild.some((parts) => matchesParts(text, parts)) ||
      allow_patterns.some((one) => one.matches(value))
    );
  };
}

/** Whether a text is these parts in their order, with anything between. */
function matchesParts(text: string, parts: readonly string[]): boolean {
  const [first = '', ...rest] = parts;
  const last = rest.pop() ?? '';
  if (!text.startsWith(first) || !text.endsWith(last)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return at <= text.length - last.length;
}
