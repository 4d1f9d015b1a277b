import { block, definePlugin, modify, proceed } from 'sallyport/plugin';
import { replaceWords, warmUp } from './work.mjs';

const denied = Array.from({ length: 24_000 }, (_, i) => `word ${i.toString(36)} of the list`);

/** Whether the arguments hold a word of a long list: some eight milliseconds' work for a kilobyte. */
function holdsDenied(payload) {
  const text = JSON.stringify(payload.args ?? {});
  return denied.some((word) => text.includes(word));
}

/** As plugin.mjs, after a look for each word of the list; not for calls that are there to warm up. */
export default definePlugin({
  setup: () => ({
    hooks: {
      tool_pre_invoke(payload) {
        if (payload.name !== warmUp && holdsDenied(payload))
          return block({ reason: 'denied', description: 'a word of the list', code: 'DENIED' });
        const changed = replaceWords(payload);
        return changed ? modify(changed) : proceed();
      },
    },
  }),
});
