import { setTimeout as sleep } from 'node:timers/promises';
import { block, definePlugin, modify, proceed } from 'sallyport/plugin';

const refuse = (description) =>
  block({ reason: 'No', description, code: 'NO', details: { by: 'rewriter' }, mcp_error_code: -32050 });

/** Marks whatever passes, and blocks what says so. */
export default definePlugin({
  setup: () => ({
    hooks: {
      async tool_pre_invoke(payload, context) {
        const { message } = payload.args ?? {};
        if (message === 'block') return refuse('not this message');
        if (message === 'slow') await sleep(60_000);
        if (message === undefined) return proceed();
        const { user, tenant_id, server_id } = context.global_context;
        const who = message === 'who' ? JSON.stringify([user, tenant_id, server_id, payload.name]) : message;
        return modify({ ...payload, args: { ...payload.args, message: `${who} <pre` } });
      },
      tool_post_invoke(payload) {
        const [first, ...others] = payload.result.content ?? [];
        if (first?.type !== 'text') return proceed();
        if (first.text.includes('secret')) return refuse('not this result');
        const content = [{ ...first, text: `${first.text} post>` }, ...others];
        return modify({ ...payload, result: { ...payload.result, content } });
      },
      prompt_pre_fetch(payload) {
        if (payload.args?.city === 'block') return refuse('not this prompt');
        return payload.args?.city
          ? modify({ ...payload, args: { ...payload.args, city: `${payload.args.city}!` } })
          : proceed();
      },
      prompt_post_fetch: (payload) =>
        modify({ ...payload, result: { ...payload.result, description: 'seen' } }),
      resource_pre_fetch: (payload) =>
        payload.uri.endsWith('features.md') ? refuse('not this resource') : proceed(),
      resource_post_fetch(payload) {
        const mark = (content) => ('text' in content ? { ...content, text: 'redacted' } : content);
        const content = Array.isArray(payload.content?.contents)
          ? { ...payload.content, contents: payload.content.contents.map(mark) }
          : mark(payload.content);
        return modify({ ...payload, content });
      },
    },
  }),
});
