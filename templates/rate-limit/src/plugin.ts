import { block, definePlugin, proceed } from 'sallyport/plugin';
import { z } from 'zod';

/** More users than these are not kept apart: the one that has called least lately is forgotten. */
const maxUsers = 10_000;

/** So many calls of tools in so many seconds, for each user. */
export default definePlugin({
  config: z.strictObject({ calls: z.int().min(1), seconds: z.number().positive() }),
  setup: ({ calls, seconds }) => {
    /** When each user has called, in milliseconds. Each process that serves the plugin counts for itself. */
    const seen = new Map<string, number[]>();
    return {
      hooks: {
        tool_pre_invoke: (_payload, { global_context: { user } }) => {
          const who = JSON.stringify(user ?? null);
          const now = performance.now();
          const times = (seen.get(who) ?? []).filter((time) => time > now - seconds * 1000);
          // Put in anew: a Map has its keys in the order in which they came.
          seen.delete(who);
          seen.set(who, times);
          const [oldest] = seen.keys();
          if (seen.size > maxUsers && oldest !== undefined) seen.delete(oldest);
          const [first] = times;
          if (first !== undefined && times.length >= calls) {
            const wait = Math.ceil((first + seconds * 1000 - now) / 1000);
            return block({
              reason: 'Too many calls',
              code: 'RATE_LIMIT',
              description: `At most ${calls} calls in ${seconds} s: try again in ${wait} s`,
              details: { retry_after_seconds: wait },
              http_status_code: 429,
              http_headers: { 'Retry-After': String(wait) },
            });
          }
          times.push(now);
          return proceed();
        },
      },
      close: () => seen.clear(),
    };
  },
});
