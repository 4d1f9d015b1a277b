import { definePlugin } from 'sallyport/plugin';

/** Does what the test that started it in its own process says. */
const hook = (...call) => globalThis[Symbol.for('sallyport.test.hook')](...call);

export default definePlugin({ setup: () => ({ hooks: { tool_pre_invoke: hook, tool_post_invoke: hook } }) });
