import { allowedBy } from '../text/allowed.js';
import { apart, type Match } from '../text/index.js';
import { assignments, authorizations, randomTexts, urlPasswords } from './context.js';
import { rules } from './rules.js';
import type { SecretsSettings } from './settings.js';

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** What finds the secrets of some settings in a text. */
export function createScanner(
  config: Pick<SecretsSettings, 'detect' | 'allow' | 'allow_patterns' | 'min_entropy'>,
): (text: string) => readonly Match[] {
  const kinds = new Set(config.detect);
  const wanted = (kind: string) => kinds.has(kind);
  const used = rules.filter(({ kind }) => wanted(kind));
  // One search for all beginnings; a form is tried where one of its own is.
  const beginnings = [...new Set(used.flatMap(({ begins }) => begins))].sort((a, b) => b.length - a.length);
  const search = new RegExp(beginnings.map(escaped).join('|') || '(?!)', 'g');
  const byBeginning = new Map(
    beginnings.map((beginning) => [
      beginning,
      used
        .filter(({ begins }) => begins.some((one) => beginning.startsWith(one)))
        .map((rule) => ({ ...rule, form: new RegExp(rule.form.source, 'yd') })),
    ]),
  );
  const allowed = allowedBy(config);
  const byForm = (text: string, matches: Match[]): void => {
    search.lastIndex = 0;
    for (let found = search.exec(text); found !== null; found = search.exec(text)) {
      const { 0: beginning, index } = found;
      // Not within a word: a form begins where its issuer's prefix does.
      if (/[A-Za-z0-9]/.test(text.charAt(index - 1)) && /[A-Za-z0-9]/.test(beginning.charAt(0))) continue;
      for (const { kind, form, check } of byBeginning.get(beginning) ?? []) {
        form.lastIndex = index;
        const match = form.exec(text);
        const [start, end] = match?.indices?.groups?.['secret'] ?? match?.indices?.[0] ?? [0, 0];
        if (end === start || check?.(text.slice(start, end)) === false) continue;
        matches.push({ kind, start, end });
        search.lastIndex = end;
        break;
      }
    }
  };
  const random = ['hex_32', 'base64_24', 'random'].some(wanted);
  const assigned = ['assignment', 'aws_secret_access_key'].some(wanted);
  return (text) => {
    const matches: Match[] = [];
    byForm(text, matches);
    if (wanted('url_password')) urlPasswords(text, matches);
    if (wanted('authorization')) authorizations(text, matches);
    if (assigned) assignments(text, wanted, matches);
    if (random) randomTexts(text, wanted, config.min_entropy, matches);
    if (matches.length === 0) return matches;
    return apart(matches.filter(({ start, end }) => !allowed(text.slice(start, end))));
  };
}
