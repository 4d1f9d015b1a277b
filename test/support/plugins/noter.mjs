import { definePlugin, modify } from 'sallyport/plugin';

/** Changes one text of arguments and results, and hands a number from the one to the other. */
export default definePlugin({
  setup: (_config, { name }) => ({
    hooks: {
      tool_pre_invoke(payload, context) {
        context.state.kept = payload.args.big;
        context.global_context.state.shared = payload.args.huge;
        const { price, big, huge } = payload.args;
        const types = [price, big, huge].map((value) => typeof value).join(' ');
        return modify({
          ...payload,
          args: { ...payload.args, note: `${payload.args.note} ${name} ${types}` },
        });
      },
      tool_post_invoke(payload, context) {
        const { result } = payload;
        result.structuredContent.kept = context.state.kept;
        result.structuredContent.shared = context.global_context.state.shared;
        result.content[0].text += ` ${name}`;
        return modify(payload);
      },
    },
  }),
});
