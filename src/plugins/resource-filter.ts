import { RE2JS } from 're2js';
import { z } from 'zod';
import { messageOf } from '../errors.js';
import { isJsonObject } from '../json/index.js';
import { block, modify, proceed } from '../plugin/index.js';
import { defineFilter, settings } from './filter.js';
import { parseReplacement, replaceAll } from './replacement.js';
import { mapTexts } from './text/index.js';
import { isWithin, seenUrl } from './url-rules/host.js';
import { domains } from './url-rules/settings.js';

const ContentFilter = settings({
  pattern: z.string().min(1).describe('A regular expression (RE2), in any case.'),
  replacement: z
    .string()
    .default('***')
    .describe('What stands in the place of a match; `\\1` and `\\g<name>` are groups.'),
}).transform((filter, context) => {
  try {
    const pattern = RE2JS.compile(filter.pattern, RE2JS.CASE_INSENSITIVE);
    return { pattern, replacement: parseReplacement(filter.replacement, pattern) };
  } catch (error) {
    context.addIssue({ code: 'custom', path: ['pattern'], message: messageOf(error) });
    return z.NEVER;
  }
});

export default defineFilter({
  page: {
    title: 'Resource filter',
    summary:
      'says which resources may be read: schemes, domains, sizes; and replaces parts of their contents',
    notes: `Hosts are compared as they are reached: \`http://0x7f.1\` is 127.0.0.1, a dot at the end and upper case do not count, and what is below a blocked domain is blocked. [URL rules](url-rules.md) keep
from private addresses. Contents are looked at wherever text is in them, text in base64 too.`,
    examples: [
      {
        title: 'A scheme that is not allowed',
        config: { allowed_protocols: ['https'] },
        hook: 'resource_pre_fetch',
        payload: { uri: 'file:///etc/passwd' },
      },
      {
        title: 'Contents',
        config: {
          max_content_size: 10_000,
          content_filters: [{ pattern: 'password:\\s*\\S+', replacement: 'password: ***' }],
        },
        hook: 'resource_post_fetch',
        payload: {
          uri: 'file:///srv/notes.txt',
          content: { uri: 'file:///srv/notes.txt', text: 'Password: hunter2' },
        },
      },
    ],
  },
  config: settings({
    max_content_size: z
      .int()
      .min(1)
      .default(1_048_576)
      .describe('How many bytes the contents of a resource may have, text and binary.'),
    allowed_protocols: z
      .array(z.string().transform((text) => text.toLowerCase().replace(/:.*$/, '')))
      .default(['file', 'http', 'https'])
      .describe('Schemes of URIs that may be read.'),
    blocked_domains: domains
      .prefault([])
      .describe('Domains that may not be read from, nor from what is below them.'),
    content_filters: z
      .array(ContentFilter)
      .default([])
      .describe('What is replaced in contents, in this order.'),
  }),
  setup({ max_content_size, allowed_protocols, blocked_domains, content_filters }) {
    return {
      hooks: {
        resource_pre_fetch({ uri }) {
          const protocol = /^\s*([a-z][a-z0-9+.-]*):/i.exec(uri)?.[1]?.toLowerCase();
          const refused = (code: string, reason: string, details: Record<string, unknown>) =>
            block({ code, reason, description: reason, details });
          if (protocol === undefined) return refused('INVALID_URI', 'The URI has no scheme', {});
          if (!allowed_protocols.includes(protocol))
            return refused('PROTOCOL_BLOCKED', `The scheme ${protocol} is not allowed`, {
              protocol,
              allowed: allowed_protocols,
            });
          const seen = seenUrl(uri);
          if (seen === undefined) return refused('INVALID_URI', 'The URI cannot be read', {});
          if (isWithin(seen.host, blocked_domains))
            return refused('DOMAIN_BLOCKED', `The domain ${seen.host} is blocked`, { domain: seen.host });
          return proceed({ validation: 'passed' });
        },
        resource_post_fetch(payload) {
          const size = bytesOf(payload.content);
          if (size > max_content_size)
            return block({
              code: 'CONTENT_TOO_LARGE',
              reason: 'Content too large',
              description: `The content has ${size} bytes; ${max_content_size} are allowed`,
              details: { size, max_size: max_content_size },
            });
          const changed = mapTexts(
            'resource_post_fetch',
            payload,
            (text) =>
              content_filters.reduce(
                (left, { pattern, replacement }) => replaceAll(left, pattern, replacement),
                text,
              ),
            { blobs: true },
          );
          return changed === payload ? proceed() : modify(changed);
        },
        // Plugin files of ContextForge name these for it: it does nothing there either.
        prompt_post_fetch: () => proceed(),
        tool_post_invoke: () => proceed(),
      },
    };
  },
});

/** How many bytes contents have: their texts, and what is in base64. */
function bytesOf(contents: unknown): number {
  if (typeof contents === 'string') return Buffer.byteLength(contents);
  if (Array.isArray(contents)) return contents.reduce((sum: number, one) => sum + bytesOf(one), 0);
  if (!isJsonObject(contents)) return 0;
  const { text, blob, contents: list } = contents;
  const binary = typeof blob === 'string' ? Buffer.byteLength(blob, 'base64') : 0;
  return binary + bytesOf(text) + (Array.isArray(list) ? bytesOf(list) : 0);
}
