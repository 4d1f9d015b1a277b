import { z } from 'zod';
import { isJsonObject } from '../json/index.js';
import { modify, proceed } from '../plugin/index.js';
import { defineFilter, settings } from './filter.js';

export default defineFilter({
  page: {
    title: 'Privacy notice',
    summary: 'puts a notice into rendered prompts',
    notes: 'A prompt in which the marker stands already stays as it is.',
    examples: [
      {
        title: 'After what the user says',
        config: { notice_text: 'Do not write names of customers.' },
        hook: 'prompt_post_fetch',
        payload: {
          prompt_id: 'summary',
          result: { messages: [{ role: 'user', content: { type: 'text', text: 'Summarize the case.' } }] },
        },
      },
    ],
  },
  config: settings({
    notice_text: z
      .string()
      .default(
        'Privacy notice: Do not include PII, secrets, or confidential information in prompts or outputs.',
      )
      .describe('The notice.'),
    placement: z
      .enum(['append', 'prepend', 'separate_message'])
      .default('append')
      .describe(
        "Where it stands: after or before the text of the user's first message, or in a message of its own at the end.",
      ),
    marker: z
      .string()
      .min(1)
      .default('[PRIVACY]')
      .describe('What stands before the notice, and tells that it is there.'),
  }),
  setup({ notice_text, placement, marker }) {
    const notice = `${marker} ${notice_text}`;
    const own = { role: 'user', content: { type: 'text', text: notice } };
    const within = (text: string) =>
      placement === 'prepend' ? `${notice}\n\n${text}` : `${text}\n\n${notice}`;
    return {
      hooks: {
        prompt_post_fetch: (payload) => {
          const { messages } = payload.result;
          if (!messages || messages.length === 0) return proceed();
          if (messages.some((message) => textOf(message)?.includes(marker))) return proceed();
          const first =
            placement === 'separate_message'
              ? -1
              : messages.findIndex((message) => message['role'] === 'user' && textOf(message) !== undefined);
          const changed =
            first === -1
              ? [...messages, own]
              : messages.map((message, i) =>
                  i === first ? { ...message, content: withText(message['content'], within) } : message,
                );
          return modify({ ...payload, result: { ...payload.result, messages: changed } });
        },
      },
    };
  },
});

/** The text of a message, where its content is text. */
function textOf(message: Record<string, unknown>): string | undefined {
  const { content } = message;
  return isJsonObject(content) && content['type'] === 'text' && typeof content['text'] === 'string'
    ? content['text']
    : undefined;
}

function withText(content: unknown, change: (text: string) => string) {
  const { text, ...rest } = content as { text: string };
  return { ...rest, text: text === '' ? change(text).trim() : change(text) };
}
