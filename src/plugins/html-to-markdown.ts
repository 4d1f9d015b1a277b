import { z } from 'zod';
import { isJsonObject } from '../json/index.js';
import { type HookResult, modify, proceed } from '../plugin/index.js';
import { defineFilter, settings } from './filter.js';
import { htmlToText } from './html/markdown.js';
import { hasTags } from './html/read.js';

/** Makes Markdown of the HTML of resources and results: less to read for a model, and nothing that runs. */
export default defineFilter({
  page: {
    title: 'HTML to Markdown',
    summary: 'makes Markdown or plain text of the HTML of resources and results',
    notes: `- A content is converted where its media type says HTML, or where it has none and its text begins like a page or has a tag that is closed.
- Headings, lists, tables, quotations, code, emphasis, links and images are kept. Scripts, styles, forms' fields and what else no reader sees go.`,
    examples: [
      {
        title: 'A page',
        config: {},
        hook: 'resource_post_fetch',
        payload: {
          uri: 'https://example.org/',
          content: {
            uri: 'https://example.org/',
            mimeType: 'text/html',
            text: '<h1>Ports</h1><p>A <b>sally</b> port has <a href="/two">two doors</a>.</p><ul><li>outer</li><li>inner</li></ul><script>x()</script>',
          },
        },
      },
    ],
  },
  config: settings({
    format: z.enum(['markdown', 'text']).default('markdown').describe('What becomes of it.'),
    links: z.boolean().default(true).describe('Whether the addresses of links stay, in Markdown.'),
    images: z.boolean().default(true).describe('Whether images stay: in text what they show, as `alt` says.'),
  }),
  setup({ format, links, images }) {
    const options = { markdown: format === 'markdown', links, images };
    const mediaType = format === 'markdown' ? 'text/markdown' : 'text/plain';
    /** A content block or contents of a resource, converted; the same where it is no HTML. */
    const converted = (value: unknown): unknown => {
      if (!isJsonObject(value)) return value;
      // ContextForge hands the contents of a resource over with `type: resource`, and the text in them.
      if (value['type'] === 'resource' && isJsonObject(value['resource'])) {
        const resource = converted(value['resource']);
        return resource === value['resource'] ? value : { ...value, resource };
      }
      const { text } = value;
      if (typeof text !== 'string') return value;
      const key = ['mimeType', 'mime_type'].find((name) => typeof value[name] === 'string');
      const isHtml = key === undefined ? looksLikeHtml(text) : /html/i.test(String(value[key]));
      if (!isHtml) return value;
      return { ...value, text: htmlToText(text, options), ...(key !== undefined && { [key]: mediaType }) };
    };
    const list = (value: unknown): unknown => {
      if (!Array.isArray(value)) return converted(value);
      const made = value.map(converted);
      return made.every((item, i) => item === value[i]) ? value : made;
    };
    const within = (payload: Record<string, unknown>, key: string, value: unknown): HookResult =>
      value === payload[key] ? proceed() : modify({ ...payload, [key]: value });
    return {
      hooks: {
        resource_post_fetch: (payload) => within(payload, 'content', list(payload.content)),
        tool_post_invoke(payload) {
          const { result } = payload;
          if (typeof result === 'string')
            return within(payload, 'result', looksLikeHtml(result) ? htmlToText(result, options) : result);
          if (!isJsonObject(result)) return proceed();
          const content = list(result['content']);
          return within(payload, 'result', content === result['content'] ? result : { ...result, content });
        },
      },
    };
  },
});

/** Whether a text of which nobody says what it is, is HTML rather than prose with a tag in it. */
const looksLikeHtml = (text: string): boolean =>
  hasTags(text) &&
  (/^\s*<(!doctype html|html|head|body|div|p|h[1-6]|table|ul|ol|article|section|main)\b/i.test(text) ||
    /<\/(p|div|h[1-6]|ul|ol|li|table|html|body|article|section)\s*>/i.test(text));
