import { expect, it } from 'vitest';
import { sentence, shownValue, visible } from '../../../src/gateway/approvals/shown.js';
import { parseExactJson } from '../../../src/json/index.js';

it.each([
  ['right to left', 'a\u202ecba', 'a\\u{202e}cba'],
  ['of no width', 'rm\u200b -rf', 'rm\\u{200b} -rf'],
  ['a tag', 'hi\u{e0041}', 'hi\\u{e0041}'],
  ['a filler', 'a\u3164b', 'a\\u{3164}b'],
  ['an empty pattern', 'a\u2800b', 'a\\u{2800}b'],
  ['another space', 'a\u00a0b', 'a\\u{a0}b'],
  ['a selector', 'a\ufe0fb', 'a\\u{fe0f}b'],
  ['an escape', '\u001b[2K', '\\u{1b}[2K'],
  ['half a character', '\ud800', '\\u{d800}'],
  ['nothing of it', 'Grüße, 世界 🙂', 'Grüße, 世界 🙂'],
])('shows what cannot be seen: %s', (_, text, shown) => {
  expect(visible(text)).toBe(shown);
});

it('keeps the values of a call apart from what stands around them', () => {
  const { text, left } = shownValue({ note: 'x"\n}\nApproved: "yes', 'a\nb': [1, null, {}, []] });
  expect(text).toBe(
    '{\n  "note": "x\\"\\n}\\nApproved: \\"yes",\n  "a\\nb": [\n    1,\n    null,\n    {},\n    []\n  ]\n}',
  );
  expect(left).toBe(0);
});

it('hides secrets by the names of their fields, and says how much it hides', () => {
  const { text } = shownValue({ password: 'hunter2', auth: { api_key: ['abc'] }, key: 'users/5', tokens: 7 });
  expect(text).not.toMatch(/hunter2|abc/);
  expect(text).toContain('"password": (hidden: 7 characters)');
  expect(text).toContain('"key": "users/5"');
  expect(text).toContain('"tokens": 7');
});

it('says how much it does not show', () => {
  const { text, left } = shownValue({ big: 'x'.repeat(10_000_000) }, 100);
  expect(text).toHaveLength(100);
  expect(left).toBeGreaterThan(9_999_900);
});

it('shows numbers as they were written', () => {
  expect(shownValue(parseExactJson('{"n":12345678901234567890.50}')).text).toBe(
    '{\n  "n": 12345678901234567890.50\n}',
  );
});

it('makes one line of a reason', () => {
  expect(sentence('  one\n\ntwo\u202e ')).toBe('one two\\u{202e}');
  expect(sentence('x'.repeat(600))).toHaveLength(501);
});
