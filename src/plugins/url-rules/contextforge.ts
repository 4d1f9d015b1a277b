import { isIP } from 'node:net';
import { z } from 'zod';
import { block, type PluginDefinition, proceed } from '../../plugin/index.js';
import { settings } from '../filter.js';
import { pattern } from '../pattern.js';
import { entropy } from '../text/entropy.js';
import { isLookalike, isWithin, seenUrl } from './host.js';
import { domains } from './settings.js';

const keys = settings({
  whitelist_domains: domains.prefault([]).describe('Domains whose URLs pass at once, with all below them.'),
  allowed_patterns: z
    .array(pattern)
    .default([])
    .describe('Regular expressions (RE2): a URL that has a match passes at once.'),
  blocked_domains: domains.prefault([]).describe('Domains whose URLs are refused, with all below them.'),
  blocked_patterns: z
    .array(pattern)
    .default([])
    .describe('Regular expressions (RE2): a URL that has a match is refused.'),
  use_heuristic_check: z
    .boolean()
    .default(false)
    .describe('Whether names are looked at: random ones, look-alikes.'),
  entropy_threshold: z
    .number()
    .min(0)
    .default(3.65)
    .describe('How random a name may be, in bits of each of its characters.'),
  block_non_secure_http: z.boolean().default(true).describe('Whether everything but https is refused.'),
});

/** The URL reputation of ContextForge: URIs of resources alone, in the order that it has. */
export const contextforgeUrls: PluginDefinition & { readonly config: z.ZodType } = {
  config: keys,
  setup(given) {
    const config = given as z.output<typeof keys>;
    const refused = (reason: string, details: Record<string, unknown>) =>
      block({ code: 'URL_REPUTATION_BLOCK', reason, description: reason, details });
    return {
      hooks: {
        resource_pre_fetch({ uri }) {
          const seen = seenUrl(uri);
          if (seen === undefined) return refused('Could not parse url', {});
          const { host, scheme, isAddress } = seen;
          if (host === '') return refused('Could not parse domain', {});
          if (isWithin(host, config.whitelist_domains)) return proceed();
          if (config.allowed_patterns.some((one) => one.matcher(uri).find())) return proceed();
          if (config.block_non_secure_http && scheme !== 'https')
            return refused('Blocked non secure http url', { domain: host });
          if (isWithin(host, config.blocked_domains))
            return refused('Domain in blocked set', { domain: host });
          if (config.blocked_patterns.some((one) => one.matcher(uri).find()))
            return refused('Blocked pattern', { domain: host });
          if (!config.use_heuristic_check || isAddress || isIP(host) !== 0) return proceed();
          if (entropy(host) > config.entropy_threshold)
            return refused('High entropy domain', { domain: host });
          if (!/\.(?:[a-z]{2,63}|xn--[a-z0-9-]+)$/.test(host))
            return refused('Illegal TLD', { domain: host });
          return isLookalike(host) ? refused('Domain unicode is not secure', { domain: host }) : proceed();
        },
      },
    };
  },
};
