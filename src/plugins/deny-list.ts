import { z } from 'zod';
import type { PluginDefinition } from '../plugin/index.js';
import { block, type Hooks, proceed } from '../plugin/index.js';
import { defineFilter, settings } from './filter.js';
import { actionSchema, apart, createReplacer, mapTexts, scanningHooks } from './text/index.js';
import { WordList } from './text/words.js';

export default defineFilter({
  page: {
    title: 'Deny list',
    summary: 'stops what has words of a list, or takes the words out',
    notes: `Words are found in any case, wherever text is, names of fields too, in one pass over the text however many words there are. With \`whole_words: false\` a word is
found within others as well: \`ass\` in \`class\`.`,
    examples: [
      {
        title: 'Stop a call',
        config: { words: ['Project Orion', 'kill switch'] },
        hook: 'tool_pre_invoke',
        payload: { name: 'search', args: { q: 'budget of project orion' } },
      },
      {
        title: 'Take words out of results',
        config: { words: ['Orion'], action: 'mask', mask_with: '***' },
        hook: 'tool_post_invoke',
        payload: {
          name: 'search',
          result: { content: [{ type: 'text', text: 'Orion begins in May, Orionids in October.' }] },
        },
      },
    ],
  },
  config: settings({
    words: z.array(z.string().min(1)).min(1).describe('Words, or texts of several.'),
    whole_words: z
      .boolean()
      .default(true)
      .describe('Whether a word counts only where no letter or digit is beside it.'),
    action: actionSchema
      .exclude(['hash', 'token'])
      .default('block')
      .describe(
        '`block` stops the call, `mask` puts `mask_with` in the place of the word, `remove` nothing; `report` only tells of it in the metadata.',
      ),
    mask_with: z
      .string()
      .default('[{kind}]')
      .describe('What stands in the place of a word; `{kind}` is `DENIED`.'),
  }),
  setup({ words, whole_words, action, mask_with }) {
    const list = new WordList(words, { whole: whole_words });
    return {
      hooks: scanningHooks({
        name: 'deny_list',
        scan: (text) => apart(Array.from(list.find(text), (found) => ({ kind: 'denied', ...found }))),
        action: () => action,
        replacer: createReplacer({ mask_with }),
        violation: () => ({
          code: 'DENIED_WORDS',
          reason: 'Denied words found',
          description: 'It has words that are not allowed here',
        }),
        texts: { keys: true, uris: true, blobs: true },
      }),
    };
  },
});

/** As ContextForge has it: the arguments of prompts alone, words within words too. */
export const contextforge: PluginDefinition & { readonly config: z.ZodType } = {
  config: settings({
    words: z
      .array(z.string().min(1))
      .describe('Words, found within others too, in arguments of prompts alone.'),
  }),
  setup(config) {
    const list = new WordList((config as { words: string[] }).words, { whole: false });
    const hooks: Hooks = {
      prompt_pre_fetch(payload) {
        const places = new Set<string>();
        mapTexts('prompt_pre_fetch', payload, (text, place) => {
          if (!list.find(text).next().done) places.add(place.pointer());
          return text;
        });
        if (places.size === 0) return proceed();
        return block({
          code: 'deny',
          reason: 'Prompt not allowed',
          description: 'Denied words found in prompt',
          details: { violations: [...places].slice(0, 100) },
        });
      },
    };
    return { hooks };
  },
};
