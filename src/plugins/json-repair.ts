import { jsonrepair } from 'jsonrepair';
import { z } from 'zod';
import { isJson } from '../json/index.js';
import { modify, proceed } from '../plugin/index.js';
import { defineFilter, settings } from './filter.js';
import { mapTexts } from './text/index.js';

/** Makes JSON of results that nearly are: for models that write it, and programs that read it. */
export default defineFilter({
  page: {
    title: 'JSON repair',
    summary: 'makes valid JSON of results that nearly are',
    notes: `- A text is mended where it begins and ends like an object or a list, or in a fenced block of Markdown that is all of it, and is no JSON: single or missing quotation marks, missing and
  trailing commas, comments, Python's \`None\`, \`True\` and \`False\`, and what is cut off at the end where \`truncated\` is on.
- What cannot be mended stays as it was. Prose stays as it is: \`{\` somewhere in it is not enough.
- \`jsonrepair\` says what it mends how.`,
    examples: [
      {
        title: 'Written by hand',
        config: {},
        hook: 'tool_post_invoke',
        payload: {
          name: 'list',
          result: { content: [{ type: 'text', text: "{name: 'Ada', tags: ['a', 'b',], ok: True}" }] },
        },
      },
    ],
  },
  config: settings({
    truncated: z
      .boolean()
      .default(false)
      .describe('Whether a text that begins like JSON and was cut off is closed: what was lost stays lost.'),
    max_chars: z
      .int()
      .min(100)
      .max(10_000_000)
      .default(200_000)
      .describe('A text of more characters stays as it is.'),
  }),
  setup({ truncated, max_chars }) {
    return {
      hooks: {
        tool_post_invoke(payload) {
          const changed = mapTexts('tool_post_invoke', payload, (text) =>
            text.length > max_chars ? text : (repaired(text, truncated) ?? text),
          );
          return changed === payload ? proceed() : modify(changed, { repaired: true });
        },
      },
    };
  },
});

/** The text as JSON; undefined for one that is JSON already, that is none at all, or that cannot be mended. */
export function repaired(text: string, truncated = false): string | undefined {
  const inner = text.trim();
  const fence = /^```(?:json5?|javascript|js)?\s*\n([\s\S]*?)\n?```$/i.exec(inner);
  const body = (fence?.[1] ?? inner).trim();
  const bare =
    /^[\w"'-]{1,100}\s*:/.test(body) && !body.includes('{') && !body.includes('}') && !body.includes('\n');
  if (!/^[[{]/.test(body) && !bare) return undefined;
  if (fence === null && isJson(body)) return undefined;
  if (bare) {
    // `a: 1` may be prose as well: only what needs no more than braces is JSON.
    const braced = `{${body}}`;
    return isJson(braced) ? braced : undefined;
  }
  if (!/[\]}]$/.test(body) && !truncated) return undefined;
  try {
    const made = jsonrepair(body);
    return isJson(made) ? made : undefined;
  } catch {
    return undefined;
  }
}
