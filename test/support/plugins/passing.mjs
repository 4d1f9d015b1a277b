import { definePlugin, modify } from 'sallyport/plugin';

/** Gives back what it was given with one text more: everything else is as it was. */
const note = (key) => (payload) => {
  payload[key].noted = 'yes';
  return modify(payload);
};

export default definePlugin({
  setup: () => ({
    hooks: {
      tool_post_invoke: note('result'),
      prompt_post_fetch: note('result'),
      resource_post_fetch: note('content'),
    },
  }),
});
