import { allowedBy } from '../text/allowed.js';
import { apart, type Match } from '../text/index.js';
import { WordList } from '../text/words.js';
import { detect } from './detect.js';
import type { Groups } from './groups.js';
import type { PiiSettings } from './settings.js';

/** What finds the personal data of some settings in a text. */
export function createScanner(
  config: Pick<PiiSettings, 'detect' | 'names' | 'patterns' | 'allow' | 'allow_patterns'>,
  nationalPhone?: (text: string, groups: Groups) => number,
): (text: string, name?: string) => readonly Match[] {
  const names = new WordList(config.names, { whole: true });
  const options = { kinds: new Set(config.detect), ...(nationalPhone && { nationalPhone }) };
  const allowed = allowedBy(config);
  return (text, name) => {
    const matches = detect(text, name, options);
    for (const found of names.find(text)) matches.push({ kind: 'name', ...found });
    for (const { name: kind, pattern } of config.patterns) {
      const matcher = pattern.matcher(text);
      while (matcher.find())
        if (matcher.end() > matcher.start())
          matches.push({ kind, start: matcher.start(), end: matcher.end() });
    }
    if (matches.length === 0) return matches;
    return apart(matches.filter(({ start, end }) => !allowed(text.slice(start, end))));
  };
}
