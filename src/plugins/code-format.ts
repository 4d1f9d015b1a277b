import { z } from 'zod';
import { defineFilter, settings } from './filter.js';
import { jsonValue } from './json-value.js';
import { codeHooks } from './language.js';

export default defineFilter({
  page: {
    title: 'Code format',
    summary: 'tidies white space of code, and lays out JSON',
    notes:
      'The language is that of `language` in the metadata of the request, where an earlier plugin wrote it there. Nothing but JSON is parsed.',
    examples: [
      {
        title: 'Tabs and white space',
        config: { tab_width: 2 },
        hook: 'tool_post_invoke',
        payload: {
          name: 'generate',
          result: { content: [{ type: 'text', text: '\tif (x) {\n\t\ty();  \n\t}\n\n\n' }] },
        },
      },
      {
        title: 'JSON',
        config: { language: 'json' },
        hook: 'tool_post_invoke',
        payload: { name: 'read', result: { content: [{ type: 'text', text: '{"a":[1,2]}' }] } },
      },
    ],
  },
  config: settings({
    languages: z
      .array(z.string())
      .default(['plaintext', 'python', 'javascript', 'typescript', 'json', 'markdown', 'shell'])
      .describe('Taken for the plugin files of ContextForge: without effect, there too.'),
    language: z.string().default('plaintext').describe('The language where none is told.'),
    tab_width: z.int().min(0).default(4).describe('How many spaces a tab becomes; 0 leaves tabs.'),
    trim_trailing: z.boolean().default(true).describe('Whether white space at the ends of lines goes.'),
    ensure_newline: z.boolean().default(true).describe('Whether a text ends with one line end.'),
    dedent_code: z.boolean().default(true).describe('Whether white space that all lines begin with goes.'),
    format_json: z
      .boolean()
      .default(true)
      .describe('Whether JSON is laid out, where the language is `json`.'),
    format_code_fences: z.boolean().default(true).describe('Without effect, as `languages`.'),
    max_size_kb: z.int().min(1).default(1024).describe('Longer texts stay as they are, in KB.'),
  }),
  setup(set) {
    return {
      hooks: codeHooks(set, (text, language) => {
        const value = set.format_json && language === 'json' ? jsonValue(text) : undefined;
        if (value !== undefined) return `${JSON.stringify(value, null, 2)}\n`;
        let tidy = set.dedent_code ? dedent(text) : text;
        if (set.tab_width > 0) tidy = tidy.replaceAll('\t', ' '.repeat(set.tab_width));
        if (set.trim_trailing)
          tidy = tidy
            .split(/\r\n|\n|\r/)
            .map((line) => line.trimEnd())
            .join('\n');
        return set.ensure_newline ? `${withoutLineEnds(tidy)}\n` : tidy;
      }),
    };
  },
});

/** In time linear to the text: an expression for line ends at the end of a text is not. */
function withoutLineEnds(text: string): string {
  let end = text.length;
  while (text[end - 1] === '\n') end -= 1;
  return text.slice(0, end);
}

/** Takes away what all lines that are not blank begin with, of white space. */
function dedent(text: string): string {
  const lines = text.split('\n').map((line) => (line.trim() === '' ? '' : line));
  const indents = lines
    .filter((line) => line !== '')
    .map((line) => line.slice(0, line.length - line.trimStart().length));
  let common = indents[0] ?? '';
  for (const indent of indents) while (!indent.startsWith(common)) common = common.slice(0, -1);
  return common === '' ? lines.join('\n') : lines.map((line) => line.slice(common.length)).join('\n');
}
