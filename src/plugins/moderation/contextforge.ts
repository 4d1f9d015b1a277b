import { z } from 'zod';
import { settings } from '../filter.js';

const action = z.enum(['block', 'warn', 'redact', 'transform']);
const outcomes = { block: 'block', warn: 'report', redact: 'mask', transform: 'mask' } as const;
const seconds = z.number().min(0.01).max(60).default(30).describe('`timeout_ms`, in seconds.');

/** Their defaults for what is of a kind. */
const usual = {
  hate: { threshold: 0.7, action: 'block' },
  violence: { threshold: 0.8, action: 'block' },
  sexual: { threshold: 0.6, action: 'warn' },
  self_harm: { threshold: 0.5, action: 'block' },
  harassment: { threshold: 0.7, action: 'warn' },
} as const;
/** What the moderation API calls them. */
const named: Readonly<Record<string, readonly string[]>> = {
  hate: ['hate', 'hate/threatening'],
  violence: ['violence', 'violence/graphic'],
  sexual: ['sexual', 'sexual/minors'],
  self_harm: ['self-harm', 'self-harm/intent', 'self-harm/instructions'],
  harassment: ['harassment', 'harassment/threatening'],
};

/** The settings of ContextForge's content moderation, as ours: by OpenAI's API, or Granite Guardian at Ollama. */
export const moderationOfContextForge = settings({
  provider: z
    .string()
    .default('ibm_watson')
    .refine((name) => name === 'openai' || name === 'ibm_granite', {
      error:
        'openai and ibm_granite are here; others by sallyport/moderation, where they have one of its APIs',
    })
    .describe('`openai` is `service.api: moderations`, `ibm_granite` is `ollama`. There are no others here.'),
  openai: settings({
    api_key: z.string().min(1).optional().describe('`service.api_key`.'),
    api_base: z.string().default('https://api.openai.com/v1').describe('`service.url`.'),
    model: z.string().default('omni-moderation-latest').describe('`service.model`.'),
    timeout: seconds,
  })
    .prefault({})
    .describe('The moderation API.'),
  ibm_granite: settings({
    ollama_url: z.string().default('http://localhost:11434').describe('`service.url`.'),
    model: z.string().default('granite3-guardian').describe('`service.model`.'),
    temperature: z.number().default(0.1).describe('Nothing here: it is 0.'),
    timeout: seconds,
  })
    .prefault({})
    .describe('Granite Guardian.'),
  categories: z
    .record(
      z.string(),
      settings({
        threshold: z.number().min(0).max(1).default(0.7).describe('`thresholds`.'),
        action: action
          .default('warn')
          .describe('`actions`: `warn` is `report`, `redact` and `transform` are `mask`.'),
        providers: z.array(z.string()).default([]).describe('Nothing here.'),
        custom_patterns: z
          .array(z.string())
          .max(0, 'not here: sallyport/search-replace has expressions')
          .default([])
          .describe('Not here.'),
      }),
    )
    .default(usual as never)
    .describe('What becomes of each category.'),
  fallback_provider: z.null().optional().describe('There is none here.'),
  fallback_on_error: action
    .default('warn')
    .describe('`without`: `block` is `block`, all others are `allow`.'),
  max_text_length: z
    .int()
    .min(100)
    .default(10_000)
    .describe('`max_length`; what is longer is looked at in parts, and not cut.'),
  enable_caching: z.boolean().default(true).describe('Whether `cache_seconds` counts.'),
  cache_ttl: z.int().min(0).max(86_400).default(3600).describe('`cache_seconds`.'),
  audit_decisions: z
    .boolean()
    .default(true)
    .describe('Nothing here: the log has the decision of each hook call.'),
  include_confidence_scores: z.boolean().default(true).describe('Nothing here.'),
  ibm_watson: z.unknown().optional().describe('Nothing here.'),
  azure: z.unknown().optional().describe('Nothing here.'),
  aws: z.unknown().optional().describe('Nothing here.'),
}).transform((theirs) => {
  const { openai, ibm_granite: granite } = theirs;
  const isOpenai = theirs.provider === 'openai';
  const each = Object.entries(theirs.categories).flatMap(([name, one]) =>
    (named[name] ?? [name]).map((category) => ({ category, ...one })),
  );
  const most = Object.values(theirs.categories).map((one) => outcomes[one.action]);
  return {
    service: isOpenai
      ? {
          api: 'moderations',
          url: openai.api_base,
          model: openai.model,
          ...(openai.api_key && { api_key: openai.api_key }),
        }
      : { api: 'ollama', url: granite.ollama_url, model: granite.model },
    thresholds: Object.fromEntries(each.map(({ category, threshold }) => [category, threshold])),
    actions: Object.fromEntries(each.map(({ category, action }) => [category, outcomes[action]])),
    // Granite says only yes: then it is of all kinds.
    action: most.includes('block') ? 'block' : most.includes('mask') ? 'mask' : 'report',
    without: theirs.fallback_on_error === 'block' ? 'block' : 'allow',
    timeout_ms: Math.round(1000 * (isOpenai ? openai.timeout : granite.timeout)),
    max_length: theirs.max_text_length,
    cache_seconds: theirs.enable_caching ? theirs.cache_ttl : 0,
  };
});
