// The plugin: writes a call's mark a second time into its arguments, and looks for both in the result. Of calls that come
// straight to the plugin server it writes down the marks, as the upstreams do of theirs.
import { appendFileSync } from 'node:fs';
import { block, definePlugin, modify, proceed } from 'sallyport/plugin';

export default definePlugin({
  setup: ({ marks }) => ({
    hooks: {
      tool_pre_invoke(payload) {
        const { mark } = payload.args;
        if (payload.name === 'direct') appendFileSync(marks, `${mark}\n`);
        return modify({ ...payload, args: { ...payload.args, guard: mark } });
      },
      tool_post_invoke(payload) {
        const [mark, guard] = String(payload.result?.content?.[0]?.text).split(' ');
        return mark === guard
          ? proceed()
          : block({ code: 'CROSSED', reason: 'crossed', description: `${mark} ${guard}` });
      },
    },
  }),
});
