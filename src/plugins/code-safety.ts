import { z } from 'zod';
import { block, proceed } from '../plugin/index.js';
import { defineFilter, settings } from './filter.js';
import { pattern } from './pattern.js';
import { mapTexts, textFilter } from './text/index.js';

const unsafe = [
  '\\beval\\s*\\(',
  '\\bexec\\s*\\(',
  '\\bos\\.system\\s*\\(',
  '\\bsubprocess\\.(?:Popen|call|run)\\s*\\(',
  '\\brm\\s+-rf\\b',
];

export default defineFilter({
  page: {
    title: 'Code safety',
    summary: 'blocks results in which code is found that runs other code or deletes files',
    notes:
      'It reads text, not programs: `eval` in another spelling passes, and a text that explains `rm -rf` does not.',
    examples: [
      {
        title: 'A result that would delete files',
        config: {},
        hook: 'tool_post_invoke',
        payload: { name: 'answer', result: { content: [{ type: 'text', text: 'Just run rm -rf build' }] } },
      },
    ],
  },
  config: settings({
    blocked_patterns: z
      .array(pattern)
      .prefault(unsafe)
      .describe('Regular expressions (RE2). What is given replaces the whole list.'),
  }),
  setup({ blocked_patterns }) {
    const hooks = textFilter((hook, payload) => {
      const found = new Set<string>();
      mapTexts(hook, payload, (text) => {
        for (const each of blocked_patterns) if (each.matcher(text).find()) found.add(each.pattern());
        return text;
      });
      if (found.size === 0) return proceed();
      return block({
        code: 'CODE_SAFETY',
        reason: 'Unsafe code pattern',
        description: 'Detected unsafe code constructs',
        details: { patterns: [...found] },
      });
    });
    const { tool_post_invoke, resource_post_fetch } = hooks;
    return { hooks: { tool_post_invoke, resource_post_fetch } as typeof hooks };
  },
});
