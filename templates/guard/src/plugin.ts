import { block, definePlugin, proceed } from 'sallyport/plugin';
import { z } from 'zod';

/** Lets nobody call certain tools, but for those who may. */
export default definePlugin({
  config: z.strictObject({
    denied: z.array(z.string()).min(1),
    except: z.array(z.string()).default([]),
  }),
  setup: ({ denied, except }) => ({
    hooks: {
      tool_pre_invoke: ({ name }, { global_context: { user } }, { log }) => {
        if (!denied.includes(name)) return proceed();
        const email = typeof user === 'string' ? user : user?.['email'];
        if (typeof email === 'string' && except.includes(email)) return proceed({ guarded: name });
        log.info({ tool: name }, 'refused');
        return block({
          reason: 'Tool denied',
          code: 'TOOL_DENIED',
          description: `${name} is not allowed here`,
          details: { tool: name },
        });
      },
    },
  }),
});
