import { setTimeout as sleep } from 'node:timers/promises';
import { block, definePlugin, modify, proceed } from 'sallyport/plugin';

/** Does what the name of the tool says. */
export default definePlugin({
  setup: (config, { name }) => ({
    hooks: {
      async tool_pre_invoke(payload, context, { signal, log }) {
        log.info({ plugin: name }, `begun: ${payload.name}`);
        log.debug({ plugin: name }, `begun: ${payload.name} in ${process.pid}`);
        signal.addEventListener('abort', () => log.info({ plugin: name }, `aborted: ${payload.name}`));
        switch (payload.name) {
          case 'throw':
            throw new TypeError('cannot read what is not there');
          case 'exit':
            return process.exit(0);
          case 'hang':
            return sleep(60_000, undefined, { signal });
          case 'hang-deaf':
            return new Promise(() => {});
          case 'slow':
            await sleep(Number(payload.args.ms));
            return modify({ ...payload, args: { done: true } });
          case 'nonsense':
            return 'yes';
          case 'wrong-shape':
            return modify({ args: 'no name' });
          case 'circle': {
            const args = {};
            args.args = args;
            return modify({ name: 'circle', args });
          }
          case 'deep': {
            const args = {};
            for (let i = 0, at = args; i < 20_000; i += 1) at = at.a = {};
            return modify({ name: 'deep', args });
          }
          case 'stray':
            setTimeout(() => {
              throw new Error('thrown by a timer');
            }, 1);
            void Promise.reject(new Error('nobody waits for this'));
            return proceed();
          case 'block':
            return block({
              reason: 'No',
              description: 'not this one',
              code: 'NOT_THIS',
              details: { by: name },
              mcp_error_code: -32001,
            });
          case 'pid':
            return modify({ ...payload, args: { pid: process.pid } });
          case 'env':
            return modify({ ...payload, args: { env: process.env } });
          case 'mutate':
            payload.args.changed = true;
            return proceed();
          case 'count':
            context.state.calls = (context.state.calls ?? 0) + 1;
            context.global_context.state[name] = context.state.calls;
            context.metadata.seen = true;
            return proceed({ counted: context.state.calls });
          default:
            return modify({
              ...payload,
              args: { ...payload.args, trail: [...(payload.args?.trail ?? []), config.mark ?? name] },
            });
        }
      },
      tool_post_invoke(payload, context) {
        return modify({
          ...payload,
          result: { calls: context.state.calls ?? 0, global: context.global_context.state },
        });
      },
      a_hook_of_tomorrow: (payload) => modify({ ...payload, seen: true }),
    },
  }),
});
