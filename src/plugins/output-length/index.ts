import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { isJsonObject } from '../../json/index.js';
import { block, modify, proceed } from '../../plugin/index.js';
import { defineFilter, settings } from '../filter.js';
import { jsonValue } from '../json-value.js';
import { mapTexts, type Place, textFilter } from '../text/index.js';
import { type Cut, cutText } from './cut.js';
import { characters, countedTokens, encodings, estimatedTokens, type Measure } from './measure.js';

const limit = (what: string) =>
  z
    .int()
    .min(0)
    .nullable()
    .default(null)
    .transform((size) => size || undefined)
    .describe(`The most ${what} that a text may have, the ellipsis included; 0 or null is no limit.`);

const least = (what: string) =>
  z
    .int()
    .min(0)
    .default(0)
    .describe(`The fewest ${what} that a text may have, where \`strategy\` is \`block\`; 0 is no limit.`);

const Settings = settings({
  limit_mode: z
    .enum(['character', 'token'])
    .default('character')
    .describe('What is limited: `max_chars` and `min_chars`, or `max_tokens` and `min_tokens`.'),
  max_chars: limit('characters'),
  min_chars: least('characters'),
  max_tokens: limit('tokens'),
  min_tokens: least('tokens'),
  tokenizer: z
    .enum(['estimate', ...encodings])
    .default('estimate')
    .describe(
      'How tokens are counted. `estimate` takes `chars_per_token` characters for one, whatever they are; the others are encodings of OpenAI, counted by `gpt-tokenizer`, which has to be installed beside.',
    ),
  chars_per_token: z
    .int()
    .min(1)
    .max(10)
    .default(4)
    .describe('How many characters a token has, for `estimate`.'),
  strategy: z
    .enum(['truncate', 'block'])
    .default('truncate')
    .describe('Whether what is too long is cut, or stops the call.'),
  scope: z
    .enum(['text', 'payload'])
    .default('text')
    .describe(
      'Whether the limit is that of each text by itself, or of all texts of a payload together: then the first texts stay and the others are cut.',
    ),
  ellipsis: z.string().max(100).default('…').describe('What stands in the place of what was cut off.'),
  word_boundary: z
    .boolean()
    .default(false)
    .describe('Whether to cut after a word, if one ends within the last fifth of what may stay.'),
  max_text_length: z
    .int()
    .min(1000)
    .max(10_000_000)
    .default(1_000_000)
    .describe(
      'Taken for the plugin files of ContextForge. Texts are looked at in time linear to their length: it limits nothing here.',
    ),
  max_structure_size: z
    .int()
    .min(1)
    .max(100_000)
    .default(10_000)
    .describe('The most entries of a list or an object in structured content, where `strategy` is `block`.'),
  max_recursion_depth: z
    .int()
    .min(10)
    .max(1000)
    .default(100)
    .describe('The most levels of structured content, where `strategy` is `block`.'),
}).superRefine((set, context) => {
  for (const unit of ['chars', 'tokens'] as const) {
    const [min, max] = [set[`min_${unit}`], set[`max_${unit}`]];
    if (max !== undefined && min > max) {
      const message = `min_${unit} is ${min}, and max_${unit} is less: ${max}`;
      context.addIssue({ code: 'custom', path: [`min_${unit}`], message });
    }
  }
});
type Settings = z.output<typeof Settings>;

const notes = `- It looks at results of tools, contents of resources and messages of prompts; \`hooks\` of the entry narrows that. Binary content is not counted.
- A character is a Unicode code point, and what is one character to a reader (\`👩‍👧\`, \`é\` of two code points) is not cut in two.
- A text that is a number is neither cut nor blocked.
- Structured content is cut text by text, and a text content that repeats it as JSON is written anew, so that both say the same. A schema of the tool's output may ask for
  texts that are longer: clients that check it refuse such a result. \`strategy: block\` is for those.
- \`limit_mode: token\` with \`tokenizer: estimate\` is an estimate: for code and for languages other than English a text has up to three times as many tokens.
- A violation has the size and the limit, and where the text is; not the text.`;

export default defineFilter({
  page: {
    title: 'Output length',
    summary: 'cuts or blocks what is too long, in characters or tokens',
    notes,
    examples: [
      {
        title: 'Cut after a word',
        config: { max_chars: 24, word_boundary: true },
        hook: 'tool_post_invoke',
        payload: {
          name: 'read',
          result: { content: [{ type: 'text', text: 'A long story about a very small dog.' }] },
        },
      },
      {
        title: 'Structured content, blocked',
        config: { limit_mode: 'token', max_tokens: 5, strategy: 'block' },
        hook: 'tool_post_invoke',
        payload: {
          name: 'read',
          result: {
            content: [{ type: 'text', text: 'see below' }],
            structuredContent: { pages: [{ title: 'One', text: 'More than twenty characters.' }] },
          },
        },
      },
    ],
  },
  config: Settings,
  async setup(set, { name }) {
    const measure = await measureOf(set, name);
    const guard = new Guard(set, measure);
    const hooks = textFilter((hook, payload) => guard.check(hook, payload));
    const { tool_post_invoke, resource_post_fetch, prompt_post_fetch } = hooks;
    return { hooks: { tool_post_invoke, resource_post_fetch, prompt_post_fetch } as typeof hooks };
  },
});

async function measureOf(set: Settings, plugin: string): Promise<Measure> {
  if (set.limit_mode === 'character') return characters;
  if (set.tokenizer === 'estimate') return estimatedTokens(set.chars_per_token);
  return countedTokens(plugin, set.tokenizer);
}

type Blocked = Pick<Parameters<typeof block>[0], 'code' | 'reason' | 'description' | 'details'>;

class Guard {
  readonly #set: Settings;
  readonly #cut: Cut;
  readonly #max: number | undefined;
  readonly #min: number;

  constructor(set: Settings, measure: Measure) {
    this.#set = set;
    this.#cut = { measure, ellipsis: set.ellipsis, words: set.word_boundary };
    this.#max = set.limit_mode === 'character' ? set.max_chars : set.max_tokens;
    this.#min = set.limit_mode === 'character' ? set.min_chars : set.min_tokens;
  }

  check(hook: string, payload: Record<string, unknown>) {
    if (this.#set.strategy === 'block') {
      const blocked = this.#tooLarge(payload) ?? this.#outside(hook, payload);
      return blocked ? block({ ...blocked, mcp_error_code: -32000, http_status_code: 422 }) : proceed();
    }
    if (this.#max === undefined) return proceed();
    const texts = { seen: 0, cut: 0 };
    const cut = this.#truncated(hook, payload, texts);
    if (texts.cut === 0) return proceed();
    const { unit } = this.#cut.measure;
    const about = { truncated_count: texts.cut, unit, seen: texts.seen, limit: this.#max };
    return modify(
      inStep(payload, cut, (text) => cutText(text, this.#max ?? Infinity, this.#cut)),
      {
        output_length: about,
      },
    );
  }

  #truncated<P>(hook: string, payload: P, texts: { seen: number; cut: number }): P {
    const max = this.#max ?? Infinity;
    const { measure } = this.#cut;
    let left = max;
    return mapTexts(hook, payload, (text, place) => {
      if (isNumber(text) || !isContent(place, text, max)) return text;
      const size = measure.size(text);
      texts.seen += size;
      const room = this.#set.scope === 'text' ? max : left;
      left -= Math.min(size, left);
      if (size <= room) return text;
      texts.cut += 1;
      return room === 0 ? '' : cutText(text, room, this.#cut);
    });
  }

  /** What is too long or too short, where that blocks. */
  #outside(hook: string, payload: unknown): Blocked | undefined {
    const { measure } = this.#cut;
    const whole = this.#set.scope === 'payload';
    let blocked: Blocked | undefined;
    let all = 0;
    let texts = 0;
    mapTexts(hook, payload, (text, place) => {
      if (blocked !== undefined || isNumber(text) || isMeta(place)) return text;
      const size = measure.size(text);
      all += size;
      texts += 1;
      if (!whole) blocked = this.#judged(size, place.pointer());
      return text;
    });
    return whole && texts > 0 ? this.#judged(all, '') : blocked;
  }

  #judged(size: number, location: string): Blocked | undefined {
    const { unit } = this.#cut.measure;
    const details = { strategy: 'block', location };
    const counted = unit === 'tokens' ? { token_count: size } : { length: size };
    const where = location === '' ? '' : ` at ${location}`;
    const code = unit === 'tokens' ? 'OUTPUT_TOKEN_VIOLATION' : 'OUTPUT_LENGTH_VIOLATION';
    if (this.#max !== undefined && size > this.#max) {
      const most = unit === 'tokens' ? { max_tokens: this.#max } : { max_chars: this.#max };
      const description = `${size} ${this.#counted}${where}: no more than ${this.#max} are allowed`;
      return { code, reason: 'Output too long', description, details: { ...counted, ...most, ...details } };
    }
    if (size >= this.#min) return undefined;
    const fewest = unit === 'tokens' ? { min_tokens: this.#min } : { min_chars: this.#min };
    const description = `${size} ${this.#counted}${where}: no fewer than ${this.#min} are allowed`;
    return { code, reason: 'Output too short', description, details: { ...counted, ...fewest, ...details } };
  }

  get #counted(): string {
    const { unit } = this.#cut.measure;
    return unit === 'tokens' && this.#set.tokenizer === 'estimate' ? 'tokens (estimated)' : unit;
  }

  #tooLarge(payload: Record<string, unknown>): Blocked | undefined {
    const { max_structure_size: most, max_recursion_depth: deepest } = this.#set;
    const result = payload['result'];
    const structured = isJsonObject(result) ? result['structuredContent'] : undefined;
    const look = (value: unknown, depth: number, location: string): Blocked | undefined => {
      if (typeof value !== 'object' || value === null) return undefined;
      const reason = 'Structured content too large';
      if (depth > deepest) {
        const description = `structured content has more than ${deepest} levels at ${location}`;
        const details = { depth, max_depth: deepest, location };
        return { code: 'STRUCTURE_DEPTH_VIOLATION', reason, description, details };
      }
      const entries = Object.entries(value);
      if (entries.length > most) {
        const description = `${entries.length} entries at ${location}: no more than ${most} are allowed`;
        const details = { size: entries.length, max_size: most, location };
        return { code: 'STRUCTURE_SIZE_VIOLATION', reason, description, details };
      }
      for (const [key, item] of entries) {
        const found = look(item, depth + 1, `${location}/${key}`);
        if (found !== undefined) return found;
      }
      return undefined;
    };
    return look(structured, 0, '/result/structuredContent');
  }
}

/** A text that a program reads as a number is not prose. */
const isNumber = (text: string): boolean =>
  text.length <= 50 &&
  /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(text) &&
  Number.isFinite(Number(text));

const isMeta = (place: Place): boolean => place.pointer().startsWith('/result/_meta/');
/** What a result says about itself is no content; where a text is, is asked only of one that could be cut. */
const isContent = (place: Place, text: string, max: number): boolean => text.length <= max || !isMeta(place);

/** A result whose structured content was changed, with the text content that repeats it written anew. */
function inStep(
  before: Record<string, unknown>,
  after: Record<string, unknown>,
  cut: (text: string) => string,
): Record<string, unknown> {
  const [was, is] = [before['result'], after['result']];
  if (!isJsonObject(was) || !isJsonObject(is)) return after;
  const [structured, changed] = [was['structuredContent'], is['structuredContent']];
  if (structured === changed || !Array.isArray(was['content']) || !Array.isArray(is['content'])) return after;
  const given: unknown[] = was['content'];
  const content = is['content'].map((item: unknown, i) => {
    const text = isJsonObject(given[i]) ? given[i]['text'] : undefined;
    if (!isJsonObject(item) || typeof text !== 'string') return item;
    return isDeepStrictEqual(jsonValue(text), structured)
      ? { ...item, text: cut(JSON.stringify(changed)) }
      : item;
  });
  return { ...after, result: { ...is, content } };
}
