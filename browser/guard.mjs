import { block, definePlugin, proceed } from 'sallyport/plugin';

/** Blocks calls in which the word `denied` is. */
export default definePlugin({
  setup: () => ({
    hooks: {
      tool_pre_invoke: ({ args }) =>
        JSON.stringify(args).includes('denied')
          ? block({ reason: 'not that', description: 'a word that is denied', code: 'DENIED_WORD' })
          : proceed(),
    },
  }),
});
