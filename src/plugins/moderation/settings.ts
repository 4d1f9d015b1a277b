import { z } from 'zod';
import { settings } from '../filter.js';

const outcome = z.enum(['block', 'mask', 'report', 'ignore']);

const service = settings({
  api: z
    .enum(['moderations', 'chat', 'ollama'])
    .default('moderations')
    .describe(
      'How it is asked: `moderations` and `chat` are those of OpenAI (`/moderations`, `/chat/completions`), which vLLM, Ollama and others have too; `ollama` is `/api/generate`.',
    ),
  url: z
    .url({ protocol: /^https?$/ })
    .describe('Its address, up to the version: `https://api.openai.com/v1`.'),
  model: z.string().optional().describe('The model: `omni-moderation-latest`, `llama-guard3`.'),
  api_key: z
    .string()
    .min(1)
    .optional()
    .describe('The key, from a variable: `"{{ env.MODERATION_KEY }}"`. It is in no log.'),
  api_key_file: z.string().min(1).optional().describe('A file with the key, read at each request.'),
  ca_file: z
    .string()
    .min(1)
    .optional()
    .describe(
      'A file with the authorities that its certificate may come from, in place of those that Node has.',
    ),
  prompt: z
    .string()
    .optional()
    .describe(
      'What is said to a model of `chat` or `ollama` before the text. It has to answer `safe` or `unsafe`, the latter with categories in the next line. Models such as Llama Guard need none.',
    ),
}).superRefine(({ url, api_key, api_key_file, api, model }, context) => {
  const keyed = api_key !== undefined || api_key_file !== undefined;
  if (
    keyed &&
    /^http:/i.test(url) &&
    !/^http:\/\/(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?=[:/]|$)/i.test(url)
  )
    context.addIssue({ code: 'custom', path: ['url'], message: 'a key goes over https only' });
  if (api_key !== undefined && api_key_file !== undefined)
    context.addIssue({ code: 'custom', path: ['api_key_file'], message: 'there is api_key already' });
  if (api !== 'moderations' && model === undefined)
    context.addIssue({ code: 'custom', path: ['model'], message: `${api} needs a model` });
});

export const moderationSettings = settings({
  service: service.describe('Who is asked.'),
  threshold: z.number().min(0).max(1).default(0.5).describe('From how much of a category on it counts.'),
  thresholds: z
    .record(z.string(), z.number().min(0).max(1))
    .default({})
    .describe('The same for single categories: `{violence: 0.8}`.'),
  action: outcome
    .exclude(['ignore'])
    .default('block')
    .describe(
      'What becomes of a text that counts: `block` stops the call, `mask` puts `mask_with` in its place, `report` only tells of it in the metadata.',
    ),
  actions: z
    .record(z.string(), outcome)
    .default({})
    .describe('The same for single categories, `ignore` with them: `{S6: report, profanity: mask}`.'),
  mask_with: z
    .string()
    .default('[CONTENT REMOVED BY MODERATION]')
    .describe('What stands in the place of a text that is masked.'),
  without: z
    .enum(['block', 'allow'])
    .default('block')
    .describe(
      'What happens where the service gives no answer in time, or none that says something: `block` stops the call, `allow` lets it pass, and tells of it in the metadata and the log.',
    ),
  timeout_ms: z
    .int()
    .min(10)
    .max(60_000)
    .default(5_000)
    .describe('How long the service may take for all texts of a payload.'),
  min_length: z.int().min(1).default(3).describe('Shorter texts are not asked about.'),
  max_length: z
    .int()
    .min(100)
    .max(1_000_000)
    .default(10_000)
    .describe('Longer texts are asked about in parts of so many characters.'),
  max_texts: z
    .int()
    .min(1)
    .max(1_000)
    .default(64)
    .describe('How many parts a payload may have; one with more is treated as `without` says.'),
  cache_seconds: z
    .int()
    .min(0)
    .max(86_400)
    .default(300)
    .describe('How long an answer serves for the same text. 0: not at all.'),
});
export type ModerationSettings = z.output<typeof moderationSettings>;
