import { definePlugin, modify } from 'sallyport/plugin';

/** Gives back every header of the client and one of its own, as plugins of other gateways do. */
export default definePlugin({
  setup: () => ({
    hooks: {
      tool_pre_invoke: (payload) =>
        modify({ ...payload, headers: { ...payload.headers, 'X-New': 'of-plugin' } }),
    },
  }),
});
