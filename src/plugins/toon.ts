import { encode } from '@toon-format/toon';
import { z } from 'zod';
import { isJsonObject } from '../json/index.js';
import { modify, proceed } from '../plugin/index.js';
import { defineFilter, settings } from './filter.js';
import { exactJsonValue } from './json-value.js';

/** Writes JSON in results as TOON, which takes a model fewer tokens. */
export default defineFilter({
  page: {
    title: 'TOON',
    summary: 'writes JSON in the texts of results as TOON, which has fewer tokens',
    notes: `- [TOON](https://toonformat.dev) says the same as the JSON. Structured content stays JSON: that is for programs. A text with a number that JavaScript cannot hold, or one that would not become shorter stays as it is.`,
    examples: [
      {
        title: 'A list',
        config: { min_size_bytes: 20 },
        hook: 'tool_post_invoke',
        payload: {
          name: 'list',
          result: {
            content: [
              { type: 'text', text: '{"ports":[{"id":1,"name":"sally"},{"id":2,"name":"postern"}]}' },
            ],
          },
        },
      },
    ],
  },
  config: settings({
    min_size_bytes: z.int().min(0).default(100).describe('A text with fewer bytes stays as it is.'),
    max_size_bytes: z.int().min(1).default(1_048_576).describe('The same for one with more.'),
    exclude_tools: z.array(z.string()).default([]).describe('Tools whose results stay as they are.'),
    include_tools: z
      .array(z.string())
      .nullable()
      .default(null)
      .describe('The only tools whose results are converted; null: all but those of `exclude_tools`.'),
    add_format_marker: z
      .boolean()
      .default(true)
      .describe('Whether `annotations.format` of such a text says `toon`.'),
    skip_on_error: z
      .boolean()
      .default(true)
      .describe('Whether a text that cannot be converted stays as it is; else it is an error of the plugin.'),
  }),
  setup(set) {
    const applies = (tool: string) =>
      set.include_tools === null ? !set.exclude_tools.includes(tool) : set.include_tools.includes(tool);
    const converted = (item: unknown): unknown => {
      if (!isJsonObject(item) || item['type'] !== 'text') return item;
      const { text, annotations } = item;
      if (typeof text !== 'string' || !/^\s*[[{]/.test(text)) return item;
      const size = Buffer.byteLength(text);
      if (size < set.min_size_bytes || size > set.max_size_bytes) return item;
      const value = exactJsonValue(text);
      if (value === undefined) return item;
      let toon: string;
      try {
        toon = encode(value);
      } catch (error) {
        if (set.skip_on_error) return item;
        throw error;
      }
      if (Buffer.byteLength(toon) >= size) return item;
      const marked = set.add_format_marker
        ? { annotations: { ...(isJsonObject(annotations) ? annotations : {}), format: 'toon' } }
        : {};
      return { ...item, text: toon, ...marked };
    };
    return {
      hooks: {
        tool_post_invoke(payload) {
          const { name, result } = payload;
          if (!applies(name) || !isJsonObject(result) || !Array.isArray(result['content'])) return proceed();
          const given: unknown[] = result['content'];
          const content = given.map(converted);
          if (content.every((item, i) => item === given[i])) return proceed();
          return modify({ ...payload, result: { ...result, content } }, { toon_encoded: true });
        },
      },
    };
  },
});
