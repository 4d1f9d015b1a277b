import { z } from 'zod';
import { block, proceed } from '../plugin/index.js';
import { defineFilter, settings } from './filter.js';
import { pattern } from './pattern.js';
import { mapTexts, textFilter } from './text/index.js';

/** An expression that takes capital and small letters for the same. */
const inAnyCase = z
  .string()
  .min(1)
  .transform((text) => `(?i)${text}`)
  .pipe(pattern);

const words: Record<string, string[]> = {
  self_harm: ['\\bkill myself\\b', '\\bsuicide\\b', '\\bself-harm\\b', '\\bwant to die\\b'],
  violence: ['\\b(?:kill|shoot|stab) (?:him|her|them|someone)\\b'],
  hate: ['\\b(?:kill|eradicate) [a-z]+ people\\b', '\\b(?:racial slur|hate speech)\\b'],
};

export default defineFilter({
  page: {
    title: 'Harmful content',
    summary: 'blocks texts in which expressions of a category are found',
    notes: `A list of words knows no meaning: it finds the help line beside the call for help, and misses what is said in other words. [Content moderation](../filters.md) by a
service is for more. A violation has the categories and the expressions, not the text.`,
    examples: [
      {
        title: 'Blocked in arguments of a prompt',
        config: {},
        hook: 'prompt_pre_fetch',
        payload: { prompt_id: 'story', args: { plot: 'They want to stab someone.' } },
      },
      {
        title: 'A category of one’s own',
        config: { categories: { rivals: ['\\bacme\\b'] }, block_on: ['rivals'] },
        hook: 'tool_post_invoke',
        payload: { name: 'search', result: { content: [{ type: 'text', text: 'ACME is cheaper.' }] } },
      },
    ],
  },
  config: settings({
    categories: z
      .record(z.string(), z.array(inAnyCase))
      .prefault(words)
      .describe('Regular expressions (RE2) by category, in any case. What is given replaces the whole list.'),
    block_on: z
      .array(z.string())
      .default(['self_harm', 'violence', 'hate'])
      .describe('Categories that block; the others are told of in the metadata.'),
    redact: z
      .boolean()
      .default(false)
      .describe('Taken for the plugin files of ContextForge: without effect, there too.'),
    redaction_text: z.string().default('[REDACTED]').describe('Without effect, as `redact`.'),
  }),
  setup({ categories, block_on }) {
    const rules = Object.entries(categories).flatMap(([category, patterns]) =>
      patterns.map((expression) => ({ category, expression })),
    );
    return {
      hooks: textFilter((hook, payload) => {
        const found: [string, string][] = [];
        mapTexts(hook, payload, (text) => {
          for (const { category, expression } of rules)
            if (expression.matcher(text).find())
              found.push([category, expression.pattern().replace(/^\(\?i\)/, '')]);
          return text;
        });
        if (found.length === 0) return proceed();
        const kinds = [...new Set(found.map(([category]) => category))].sort();
        if (!kinds.some((category) => block_on.includes(category)))
          return proceed({ harmful_categories: kinds });
        return block({
          code: 'HARMFUL_CONTENT',
          reason: 'Harmful content',
          description: `Detected categories: ${kinds.join(', ')}`,
          details: { categories: kinds, findings: found.slice(0, 5) },
        });
      }),
    };
  },
});
