import { z } from 'zod';
import { isJsonObject } from '../json/index.js';
import { type HookResult, modify, proceed } from '../plugin/index.js';
import { defineFilter, settings } from './filter.js';

const sensitive = [
  'Authorization',
  'Cookie',
  'X-Vault-Tokens',
  'X-API-Key',
  'X-Auth-Token',
  'Proxy-Authorization',
  'WWW-Authenticate',
  'Set-Cookie',
];

/** Takes headers with credentials out of what plugins after this one see of a call. */
export default defineFilter({
  page: {
    title: 'Header filter',
    summary: 'takes headers with credentials out of what other plugins see of a call',
    notes: `- The gateway sends none of the client's headers to upstreams; plugins see them in \`headers\` of the payload. With a low \`priority\` this one keeps those with credentials
  from the plugins after it.`,
    examples: [
      {
        title: 'Without credentials',
        config: {},
        hook: 'tool_pre_invoke',
        payload: { name: 'search', args: {}, headers: { authorization: 'Bearer abc', 'x-team': 'blue' } },
      },
    ],
  },
  config: settings({
    filter_headers: z.array(z.string()).default(sensitive).describe('The names of the headers, in any case.'),
    allow_passthrough_headers: z
      .array(z.string())
      .default([])
      .describe('Headers that stay, also where `filter_headers` has them.'),
    log_filtered_headers: z
      .boolean()
      .default(true)
      .describe('Whether the log names those that were taken out.'),
  }),
  setup({ filter_headers, allow_passthrough_headers, log_filtered_headers }) {
    const kept = new Set(allow_passthrough_headers.map((name) => name.toLowerCase()));
    const gone = new Set(filter_headers.map((name) => name.toLowerCase()).filter((name) => !kept.has(name)));
    const filter = (
      payload: Record<string, unknown>,
      _context: unknown,
      { log }: { readonly log: { info(fields: object, message: string): void } },
    ): HookResult => {
      const { headers } = payload;
      if (!isJsonObject(headers)) return proceed();
      const removed = Object.keys(headers).filter((name) => gone.has(name.toLowerCase()));
      if (removed.length === 0) return proceed();
      if (log_filtered_headers) log.info({ headers: removed }, 'took headers out of what plugins see');
      const left = Object.entries(headers).filter(([name]) => !removed.includes(name));
      return modify({ ...payload, headers: Object.fromEntries(left) });
    };
    return { hooks: { tool_pre_invoke: filter, agent_pre_invoke: filter } };
  },
});
