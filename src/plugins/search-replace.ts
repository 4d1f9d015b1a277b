import { RE2JS } from 're2js';
import { z } from 'zod';
import { messageOf, NoSuchGroup } from '../errors.js';
import { modify, proceed } from '../plugin/index.js';
import { defineFilter, settings } from './filter.js';
import { parseReplacement, replaceAll } from './replacement.js';
import { mapTexts, textFilter } from './text/index.js';

const notes = `- \`search\` has [RE2 syntax](https://github.com/google/re2/wiki/Syntax) and runs in time linear to the text. Look-around and
  back references inside \`search\` do not exist there: they are an error at start.
- \`replace\` knows \`\\1\` to \`\\9\`, \`\\g<name>\`, \`\\0\` (the whole match), \`\\n\` and \`\\\\\`. Everything else, \`$\` too, stands for itself. A
  group that \`search\` does not have is an error at start.
- Keys are left alone, and so are the technical fields of MCP content blocks (\`type\`, \`mimeType\`, \`data\`, \`blob\`, \`uri\`, \`role\`).`;

/** One rule: a regular expression (RE2 syntax, linear time) and what replaces each match. */
const Word = settings({
  search: z.string().min(1).describe('What is looked for: a regular expression in the syntax of RE2.'),
  replace: z
    .string()
    .describe('What stands in its place; `\\1`, `\\g<1>` and `\\g<name>` are groups of the expression.'),
}).transform((word, context) => {
  try {
    const pattern = RE2JS.compile(word.search);
    return { pattern, replacement: parseReplacement(word.replace, pattern) };
  } catch (error) {
    const [path, message] = NoSuchGroup.is(error)
      ? ['replace', error.message]
      : ['search', `not a regular expression that runs in linear time (RE2): ${messageOf(error)}`];
    context.addIssue({ code: 'custom', path: [path], message });
    return z.NEVER;
  }
});

/**
 * The rules of `words` are applied in their order, each to what the one before left; `\1` and `\g<name>` in `replace` stand
 * for groups.
 */
export default defineFilter({
  page: {
    title: 'Search and replace',
    summary: 'replaces what regular expressions find',
    notes,
    examples: [
      {
        title: 'Three rules',
        config: {
          words: [
            { search: '(?i)\\bpassword\\s*[:=]\\s*[^\\s,]+', replace: 'password: ***' },
            { search: '(\\d{4})-?(\\d{4})-?(\\d{4})-?(\\d{4})', replace: '****-****-****-\\4' },
            { search: '(?P<user>[\\w.]+)@(?P<domain>example\\.org)', replace: '\\g<user> of \\g<domain>' },
          ],
        },
        hook: 'tool_pre_invoke',
        payload: {
          name: 'mail',
          args: { text: 'Password: hunter2, card 1234-5678-9012-3456, ask ada@example.org' },
        },
      },
    ],
  },
  config: settings({
    words: z.array(Word).describe('The rules, in their order: each works on what the one before left.'),
  }),
  setup({ words }) {
    const visit = (text: string): string =>
      words.reduce((current, { pattern, replacement }) => replaceAll(current, pattern, replacement), text);
    return { hooks: textFilter((hook, payload) => answer(payload, mapTexts(hook, payload, visit))) };
  },
});

const answer = <P>(before: P, after: P) => (after === before ? proceed() : modify(after));
