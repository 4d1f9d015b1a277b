import { ask, definePlugin, modify, proceed } from 'sallyport/plugin';

/**
 * Asks for what has the word `ask` in its arguments, or `held` in its result. `by` is who is to be asked; with `append` it does not
 * ask, and puts that behind the message.
 */
export default definePlugin({
  setup: ({ by, append, word = 'ask', reason = 'it says ask' }) => {
    const asked = (value) =>
      JSON.stringify(value).includes(word) ? ask({ reason, ...(by && { by }) }) : proceed();
    if (append !== undefined) {
      return {
        hooks: {
          tool_pre_invoke: (payload) =>
            modify({ ...payload, args: { ...payload.args, message: payload.args.message + append } }),
        },
      };
    }
    return {
      hooks: {
        tool_pre_invoke: ({ args }) => asked(args),
        prompt_pre_fetch: ({ args }) => asked(args),
        tool_post_invoke: ({ result }) =>
          JSON.stringify(result).includes('held')
            ? ask({ reason: 'it says held', ...(by && { by }) })
            : proceed(),
      },
    };
  },
});
