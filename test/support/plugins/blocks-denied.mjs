import { block, definePlugin, proceed } from 'sallyport/plugin';

/** Blocks what a client writes the word `denied` in. */
export default definePlugin({
  setup: () => ({
    hooks: {
      tool_pre_invoke: ({ args }) =>
        JSON.stringify(args).includes('denied')
          ? block({ reason: 'not that', description: `said: ${JSON.stringify(args)}`, code: 'DENIED_WORD' })
          : proceed(),
    },
  }),
});
