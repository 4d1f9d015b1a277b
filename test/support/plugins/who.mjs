import { definePlugin, modify } from 'sallyport/plugin';

/** Answers which process it runs in. */
const hook = (payload) => modify({ ...payload, args: { ...payload.args, pid: process.pid } });

export default definePlugin({
  setup: () => ({ hooks: { tool_pre_invoke: hook, tool_post_invoke: () => undefined } }),
});
