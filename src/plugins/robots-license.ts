import { z } from 'zod';
import { isJsonObject } from '../json/index.js';
import { block, modify, proceed } from '../plugin/index.js';
import { defineFilter, settings } from './filter.js';
import { mapTexts } from './text/index.js';

export default defineFilter({
  page: {
    title: 'Robots and licences',
    summary: 'blocks pages that want no robots or models, or name no licence',
    notes: `It reads the elements \`<meta name="…" content="…">\` named robots, x-robots-tag, genai, permissions-policy and license of a resource, with whatever quotes and in whatever order; \`noai\`, \`noimageai\`, \`nofollow\` and \`noindex\` are the words that count.`,
    examples: [
      {
        title: 'A page that wants no models',
        config: {},
        hook: 'resource_post_fetch',
        payload: {
          uri: 'https://art.example/',
          content: {
            uri: 'https://art.example/',
            mimeType: 'text/html',
            text: '<html><head><meta name="robots" content="noai, noimageai"></head></html>',
          },
        },
      },
    ],
  },
  config: settings({
    user_agent: z
      .string()
      .default('MCP-Context-Forge/1.0')
      .describe('The `User-Agent` that goes into the headers of a fetch.'),
    respect_noai_meta: z.boolean().default(true).describe('Whether what robots and models are told counts.'),
    block_on_violation: z.boolean().default(true).describe('Whether to block; else the metadata tell of it.'),
    license_required: z.boolean().default(false).describe('Whether a page has to name a licence.'),
    allow_overrides: z
      .array(z.string().min(1))
      .default([])
      .describe('Parts of addresses to which none of this applies.'),
  }),
  setup(set) {
    return {
      hooks: {
        resource_pre_fetch: (payload) => {
          const metadata = isJsonObject(payload.metadata) ? payload.metadata : {};
          const headers = isJsonObject(metadata['headers']) ? metadata['headers'] : {};
          return modify({
            ...payload,
            metadata: { ...metadata, headers: { ...headers, 'User-Agent': set.user_agent } },
          });
        },
        resource_post_fetch: (payload) => {
          const texts: string[] = [];
          mapTexts('resource_post_fetch', payload, (text) => {
            texts.push(text);
            return text;
          });
          if (texts.join('') === '') return proceed();
          if (set.allow_overrides.some((part) => payload.uri.includes(part)))
            return proceed({ robots_override: true });
          const meta = Object.assign({}, ...texts.map(metaOf)) as Record<string, string>;
          const told = [meta['robots'], meta['x-robots-tag'], meta['genai']].join(',');
          const reasons = [
            ...(set.respect_noai_meta && /noai|noimageai|nofollow|noindex/.test(told)
              ? ['robots/noai policy']
              : []),
            ...(set.license_required && !meta['license'] ? ['missing license metadata'] : []),
          ];
          if (reasons.length === 0 || !set.block_on_violation)
            return proceed({ robots_meta: meta, robots_violation: reasons.length > 0 });
          return block({
            code: 'ROBOTS_LICENSE',
            reason: 'Robots/License policy',
            description: reasons.join(', '),
            details: { meta },
          });
        },
      },
    };
  },
});

const names = ['robots', 'x-robots-tag', 'genai', 'permissions-policy', 'license'];
/** Longer than any such element that a page needs. */
const maxElement = 2048;

/** What the meta elements of a page say, by their names, in small letters. */
function metaOf(html: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const { index } of html.matchAll(/<meta[\s/]/gi)) {
    const element = html.slice(index + 5, index + maxElement);
    const end = element.indexOf('>');
    const attributes: Record<string, string> = {};
    const written = element.slice(0, end === -1 ? undefined : end);
    for (const [, name, double, single, bare] of written.matchAll(
      /([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"']+))/g,
    ))
      attributes[name?.toLowerCase() ?? ''] = (double ?? single ?? bare ?? '').toLowerCase();
    const { name = '', content } = attributes;
    if (names.includes(name) && content) found[name] = content;
  }
  return found;
}
