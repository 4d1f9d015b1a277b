import { z } from 'zod';
import { networksOf } from '../../config/index.js';
import { settings } from '../filter.js';
import { pattern } from '../pattern.js';
import { domainOf } from './host.js';

export const domains = z.array(
  z.string().transform((text, context) => {
    const domain = domainOf(text);
    if (domain !== undefined) return domain;
    context.addIssue({ code: 'custom', message: `'${text}' is no domain` });
    return z.NEVER;
  }),
);

const networks = z.array(z.string()).transform((texts, context) =>
  networksOf(texts, (text) => {
    context.addIssue({ code: 'custom', message: `'${text}' is no network such as 10.1.0.0/16` });
  }),
);

export const urlSettings = settings({
  schemes: z
    .array(z.string().transform((text) => text.toLowerCase().replace(/:.*$/, '')))
    .default([])
    .describe('The only schemes that URLs may have: `[https]`. Without it all.'),
  allow_domains: domains
    .prefault([])
    .describe(
      'The only domains that URLs may lead to, with all below them. A name of the own network passes where it is listed. Without it all.',
    ),
  block_domains: domains.prefault([]).describe('Domains that URLs may not lead to, nor what is below them.'),
  block_patterns: z
    .array(pattern)
    .default([])
    .describe('Regular expressions (RE2) that are searched for in URLs: one that has a match is refused.'),
  private: z
    .enum(['block', 'allow'])
    .default('block')
    .describe(
      'Whether URLs may lead to addresses that are not of the Internet (private, loopback, link-local with those of metadata services, shared, multicast, reserved), or to names of the own network (`localhost`, `*.internal`, names without a dot).',
    ),
  allow_networks: networks
    .prefault([])
    .describe('Networks that URLs may lead to all the same: `[10.1.0.0/16]`.'),
  credentials: z
    .enum(['block', 'allow'])
    .default('block')
    .describe(
      'Whether a URL may have a user name or password before its host, as in `https://example.org@evil.example`.',
    ),
  lookalikes: z
    .enum(['block', 'allow'])
    .default('block')
    .describe(
      'Whether a name may be written to look like another: letters of several alphabets in one label, or of another that look like Latin ones.',
    ),
  resolve: z
    .boolean()
    .default(false)
    .describe(
      'Whether names are resolved, and each of their addresses looked at. A name that does not resolve is refused.',
    ),
  redirects: z
    .int()
    .min(0)
    .max(10)
    .default(0)
    .describe(
      'How many redirects of a URL are followed, by HEAD requests, each looked at as the URL itself. One more is refused. 0: it is not asked.',
    ),
  timeout_ms: z
    .int()
    .min(10)
    .max(30_000)
    .default(3_000)
    .describe('How long resolving and redirects of a payload may take in all; later is refused.'),
  results: z
    .boolean()
    .default(false)
    .describe(
      'Whether URLs in results, messages and contents are looked at too, not only in arguments and of resources.',
    ),
  action: z
    .enum(['block', 'report'])
    .default('block')
    .describe('`block` stops the call; `report` only tells of it in the metadata.'),
});
export type UrlSettings = z.output<typeof urlSettings>;
