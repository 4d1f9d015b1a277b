import { definePlugin, modify } from 'sallyport/plugin';
import { z } from 'zod';

/** Hides words in what goes to tools, and in what comes back from them. */
export default definePlugin({
  config: z.strictObject({
    words: z.array(z.string().min(1)).min(1),
    replacement: z.string().default('***'),
  }),
  setup: ({ words, replacement }) => {
    const hide = (value: unknown): unknown => {
      if (typeof value === 'string') {
        return words.reduce((text, word) => text.replaceAll(word, () => replacement), value);
      }
      if (Array.isArray(value)) return value.map(hide);
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, hide(field)]));
    };
    return {
      hooks: {
        tool_pre_invoke: (payload) => modify({ ...payload, args: hide(payload.args) }),
        tool_post_invoke: (payload) => modify({ ...payload, result: hide(payload.result) }),
      },
    };
  },
});
