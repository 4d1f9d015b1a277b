// Says in the result what of it the post-hook was shown: its fields, and how many bytes it has. With `replace` it puts a text in its place.
import { definePlugin, modify } from 'sallyport/plugin';

export default definePlugin({
  setup: (config) => ({
    hooks: {
      tool_post_invoke(payload) {
        const { result } = payload;
        const seen = { fields: Object.keys(result), bytes: JSON.stringify(payload).length };
        const content = config?.replace ? [{ type: 'text', text: config.replace }] : result.content;
        return modify({ ...payload, result: { ...result, content, _meta: { seen } } });
      },
    },
  }),
});
