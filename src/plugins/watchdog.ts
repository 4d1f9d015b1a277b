import { z } from 'zod';
import { block, proceed } from '../plugin/index.js';
import { defineFilter, settings } from './filter.js';

const duration = z.int().min(1);
const action = z.enum(['warn', 'block']);

/** The filter; time comes from `now`. */
export const watchdog = (now: () => number = Date.now) =>
  defineFilter({
    page: {
      title: 'Watchdog',
      summary: 'warns of calls of tools that took too long, or blocks their results',
      notes: `- The time is that from this plugin's \`tool_pre_invoke\` to its \`tool_post_invoke\`: the upstream's, and that of plugins between. It is measured, nothing is cut short:
  \`timeout\` of an upstream and \`tool_timeouts\` are for that.
- A call that ends without a result (its time was up, its upstream is away) has no \`tool_post_invoke\`.
- Where a plugin server runs on several hosts, their clocks have to agree.`,
      examples: [],
    },
    config: settings({
      max_duration_ms: duration.default(30_000).describe('How long a call may take, in milliseconds.'),
      action: action.default('warn').describe('Whether the log has a warning, or the result is blocked too.'),
      tool_overrides: z
        .record(
          z.string(),
          settings({
            max_duration_ms: duration.optional().describe('How long a call of it may take.'),
            action: action.optional().describe('What comes of one that takes longer.'),
          }),
        )
        .default({})
        .describe('What is different for a tool, by its name.'),
    }),
    setup(set) {
      const overrides = new Map(Object.entries(set.tool_overrides));
      return {
        hooks: {
          tool_pre_invoke(_payload, context) {
            context.state['watchdog_start'] = now();
            return proceed();
          },
          tool_post_invoke({ name }, { state }, { log }) {
            const began = state['watchdog_start'];
            if (typeof began !== 'number') return proceed();
            const { max_duration_ms = set.max_duration_ms, action: act = set.action } =
              overrides.get(name) ?? {};
            const took = Math.max(0, Math.round(now() - began));
            const times = { watchdog_elapsed_ms: took, watchdog_limit_ms: max_duration_ms };
            if (took <= max_duration_ms) return proceed(times);
            log.warn({ tool: name, tookMs: took, limitMs: max_duration_ms }, 'a call took too long');
            if (act === 'warn') return proceed({ ...times, watchdog_violation: true });
            return block({
              code: 'WATCHDOG_TIMEOUT',
              reason: 'Execution time exceeded',
              description: `${name} took ${took} ms: no more than ${max_duration_ms} ms are allowed`,
              details: times,
            });
          },
        },
      };
    },
  });

export default watchdog();
