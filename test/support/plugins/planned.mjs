import { setTimeout as sleep } from 'node:timers/promises';
import { block, definePlugin, modify, proceed } from 'sallyport/plugin';

/** Does what `args.plan` says for a plugin of its name, and leaves traces wherever a plugin may. */
export default definePlugin({
  setup: (_config, { name }) => ({
    hooks: {
      async tool_pre_invoke(payload, context, { signal }) {
        const plan = payload.args.plan[name];
        context.state.seen = [...(context.state.seen ?? []), payload.args.trail];
        context.metadata.by = name;
        if (plan?.global !== undefined) context.global_context.state[plan.global] = name;
        if (plan?.drop !== undefined) delete context.global_context.state[plan.drop];
        context.global_context.metadata.touched = name;
        payload.args.mutated = name;
        switch (plan?.does) {
          case 'modify':
            return modify(
              { ...payload, args: { ...payload.args, trail: payload.args.trail + name } },
              { [name]: 1 },
            );
          case 'modify-and-block':
            return {
              ...modify({ name: name, args: payload.args }),
              ...block({ reason: name, code: 'BOTH' }),
              modified_payload: { name, args: payload.args },
            };
          case 'block':
            return block(
              { reason: name, code: 'NO', details: { trail: payload.args.trail } },
              { blocked: name },
            );
          case 'throw':
            throw new TypeError(`${name} fails`);
          case 'nonsense':
            return 'yes';
          case 'wrong-shape':
            return modify({ args: 'no name' });
          case 'odd-values':
            return modify({
              ...payload,
              args: { ...payload.args, when: new Date(0), none: undefined, nan: Number.NaN },
            });
          case 'hang':
            await sleep(60_000, undefined, { signal });
            return proceed();
          default:
            return proceed({ last: name });
        }
      },
      tool_post_invoke(payload, context) {
        return modify({
          ...payload,
          result: [
            ...(payload.result ?? []),
            { name, state: context.state, metadata: context.metadata, global: context.global_context.state },
          ],
        });
      },
    },
  }),
});
