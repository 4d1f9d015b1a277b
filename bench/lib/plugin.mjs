import { definePlugin, modify, proceed } from 'sallyport/plugin';
import { replaceWords } from './work.mjs';

export default definePlugin({
  setup: () => ({
    hooks: {
      tool_pre_invoke(payload) {
        const changed = replaceWords(payload);
        return changed ? modify(changed) : proceed();
      },
    },
  }),
});
