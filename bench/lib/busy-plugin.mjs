import { block, definePlugin, modify, proceed } from 'sallyport/plugin';
import { holdsDenied, replaceWords, warmUp } from './work.mjs';

/** As plugin.mjs, after a look for each word of a long list; not for calls that are there to warm up. */
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
