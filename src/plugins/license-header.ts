import { z } from 'zod';
import { defineFilter, settings } from './filter.js';
import { codeHooks } from './language.js';

/** How a comment begins and ends, by language. */
const comments: Readonly<Record<string, readonly [string, string]>> = {
  python: ['# ', ''],
  shell: ['# ', ''],
  bash: ['# ', ''],
  javascript: ['// ', ''],
  typescript: ['// ', ''],
  go: ['// ', ''],
  java: ['// ', ''],
  c: ['/* ', ' */'],
  cpp: ['/* ', ' */'],
};

export default defineFilter({
  page: {
    title: 'License header',
    summary: 'puts a license header before code',
    notes:
      'The language is that of `language` in the metadata of the request, where an earlier plugin wrote it there.',
    examples: [
      {
        title: 'Two lines before a script',
        config: { header_template: 'SPDX-License-Identifier: MIT\nCopyright Example' },
        hook: 'tool_post_invoke',
        payload: { name: 'generate', result: { content: [{ type: 'text', text: 'print(1)' }] } },
      },
    ],
  },
  config: settings({
    header_template: z
      .string()
      .default('SPDX-License-Identifier: Apache-2.0')
      .describe('The header, without signs of comments.'),
    languages: z
      .array(z.string())
      .default(['python', 'javascript', 'typescript', 'go', 'java', 'c', 'cpp', 'shell'])
      .describe('Languages whose code gets it.'),
    language: z.string().default('python').describe('The language where none is told.'),
    max_size_kb: z.int().min(1).default(512).describe('Longer texts stay as they are, in KB.'),
    dedupe_marker: z
      .string()
      .min(1)
      .default('SPDX-License-Identifier:')
      .describe('A text that has this has a header.'),
  }),
  setup(set) {
    const lines = set.header_template.trim().split('\n');
    return {
      hooks: codeHooks(set, (text, language) => {
        if (!set.languages.includes(language) || text.includes(set.dedupe_marker)) return text;
        const [begin, end] = comments[language] ?? ['# ', ''];
        const header = lines
          .map((line, i) => `${begin}${line}${i === lines.length - 1 ? end : ''}`)
          .join('\n');
        return `${header}\n${text.startsWith('\n') ? '' : '\n'}${text}`;
      }),
    };
  },
});
