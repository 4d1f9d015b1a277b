import { assertNoDefect, disagree } from './judge.mjs';

/**
 * A target that reads JSON, from these words beside those of all. `open` answers how one input is tried (`run`, which says what
 * came of it), what to look at after each (`check`), and which statuses above 499 are not a defect (`fine`).
 */
export function jsonTarget(words, open) {
  return {
    format: 'json',
    words: [...words, 'null', '[', ']', '{', '}', ','],
    async open() {
      const { run, check, fine = [] } = await open();
      return async (input) => {
        const { status = 200, text } = await run(input);
        if (status >= 500 && !fine.includes(status)) disagree(`status ${status}`, text);
        assertNoDefect('what came of it', text, input.toString('utf8'));
        check();
      };
    },
  };
}
