import { block, definePlugin, proceed } from 'sallyport/plugin';
import { z } from 'zod';

const Verdict = z.object({ allowed: z.boolean(), reason: z.string().optional() });

/** Asks a service whether a tool may be called. Where the service gives no verdict, it may not. */
export default definePlugin({
  config: z.strictObject({
    url: z.url(),
    // A secret comes from the environment: token: "{{ env.VERDICT_TOKEN }}"
    token: z.string().optional(),
    timeout_ms: z.int().min(1).default(2_000),
  }),
  setup: ({ url, token, timeout_ms }) => ({
    hooks: {
      tool_pre_invoke: async ({ name, args }, { global_context: { user } }, { signal, log }) => {
        // Ended where the gateway waits no more, and where the service takes too long.
        const late = new AbortController();
        const timer = setTimeout(() => late.abort(), timeout_ms);
        try {
          const response = await fetch(url, {
            method: 'POST',
            headers: {
              'Content-Type': 'application/json',
              ...(token && { Authorization: `Bearer ${token}` }),
            },
            body: JSON.stringify({ tool: name, args, user }),
            signal: AbortSignal.any([signal, late.signal]),
          });
          if (!response.ok) throw new Error(`the service answered ${response.status}`);
          const { allowed, reason = 'the service said no' } = Verdict.parse(await response.json());
          return allowed ? proceed() : block({ reason: 'Refused', code: 'REFUSED', description: reason });
        } catch (error) {
          log.error({ error: String(error), cause: String(Object(error).cause ?? '') }, 'no verdict');
          return block({
            reason: 'No verdict',
            code: 'NO_VERDICT',
            description: 'The service that decides about this call cannot be asked',
          });
        } finally {
          clearTimeout(timer);
        }
      },
    },
  }),
});
