import { expect, it } from 'vitest';
import { startFilter } from './filter-run.js';

const result = (text: string) => ({ name: 't', result: { content: [{ type: 'text', text }] } });
const resource = (text: string, more: Record<string, unknown> = {}) => ({
  uri: 'https://ok.example/a',
  content: { type: 'resource', id: '7', uri: 'https://ok.example/a', text, ...more },
});

/** The text of a result after a filter, or the code of the violation. */
async function ofResult(kind: string, config: Record<string, unknown>, text: string) {
  const call = await startFilter(kind, config);
  const { violation, modified_payload } = await call('tool_post_invoke', result(text));
  if (violation) return violation.code;
  const after = (modified_payload ?? result(text)) as ReturnType<typeof result>;
  return after.result.content[0]?.text;
}

/** The contents of a resource after a filter, or the code of the violation. */
async function ofResource(kind: string, config: Record<string, unknown>, text: string) {
  const call = await startFilter(kind, config);
  const { violation, modified_payload } = await call('resource_post_fetch', resource(text));
  if (violation) return violation.code;
  const { content } = (modified_payload ?? resource(text)) as ReturnType<typeof resource>;
  expect(content.id).toBe('7');
  return content.text;
}

it.each([
  ['#a\r\n* x\n• y\n+ z\n\n\n\nend\n', '# a\n- x\n- y\n- z\n\nend'],
  ['a\n```\n\n```\nb', 'a\nb'],
  ['```c\n#include <x>\n* y\n\n\n\n```\n#a', '```c\n#include <x>\n* y\n\n\n\n```\n# a'],
  ['#!shebang', '# !shebang'],
  ['a\n```\nnever closed\n#x', 'a\n```\nnever closed\n#x'],
])('tidies Markdown, and leaves code blocks alone: %j', async (text, tidy) => {
  expect(await ofResource('sallyport/markdown-cleaner', {}, text)).toBe(tidy);
});

it.each([
  [{}, 'print(1)', '# SPDX-License-Identifier: Apache-2.0\n\nprint(1)'],
  [{ language: 'c', header_template: 'a\nb' }, 'x', '/* a\n/* b */\n\nx'],
  [{ language: 'rust' }, 'x', 'x'],
  [{ max_size_kb: 1 }, 'ä'.repeat(600), 'ä'.repeat(600)],
])('puts a license header before code: %j', async (config, text, after) => {
  expect(await ofResource('sallyport/license-header', config, text)).toBe(after);
});

it.each([
  [{}, '\t\ta  \n\t\t\tb\r\n\n\n', 'a\n    b\n'],
  [{ dedent_code: false, tab_width: 0, trim_trailing: false, ensure_newline: false }, ' a \n\n', ' a \n\n'],
  [{ language: 'json' }, '{"a":[1]}', '{\n  "a": [\n    1\n  ]\n}\n'],
  [{ language: 'json' }, 'no JSON ', 'no JSON\n'],
])('tidies code: %j', async (config, text, after) => {
  expect(await ofResult('sallyport/code-format', config, text)).toBe(after);
});

it('takes the language from the metadata of the request', async () => {
  const call = await startFilter('sallyport/license-header', { language: 'go' });
  const { modified_payload } = await call('tool_post_invoke', result('x'));
  expect(JSON.stringify(modified_payload)).toContain('// SPDX');
});

it.each([
  ['2025-01-01T12:00:00Z', '2025-01-01T07:00:00-05:00'],
  ['2025-07-01 12:00', '2025-07-01T08:00:00-04:00'],
  ['2025-07-01T12:00+0200', '2025-07-01T06:00:00-04:00'],
  ['2025-13-01T12:00', '2025-13-01T12:00'],
  ['2025-02-30T12:00', '2025-02-30T12:00'],
  ['2025-01-01T12:61', '2025-01-01T12:61'],
  ['tomorrow', 'tomorrow'],
])('writes %s as it is in New York', async (text, after) => {
  expect(await ofResult('sallyport/timezone', { user_tz: 'America/New_York' }, text)).toBe(after);
});

it.each([
  ['of two times the first', '2025-10-26T02:30', '2025-10-26T00:30:00+00:00'],
  ['of a time that there is not, as before the change', '2025-03-30T02:30', '2025-03-30T01:30:00+00:00'],
])('reads a time on the wall: %s', async (_, text, after) => {
  expect(await ofResult('sallyport/timezone', { server_tz: 'Europe/Berlin' }, text)).toBe(after);
});

it('changes the fields of arguments that it is told, at any depth, and no others', async () => {
  const call = await startFilter('sallyport/timezone', {
    direction: 'to_server',
    user_tz: 'Asia/Tokyo',
    fields: ['at', 'all'],
  });
  const args = { at: '2025-01-01T12:00', all: [{ at: '2025-01-01T12:00' }], note: '2025-01-01T12:00' };
  const { modified_payload } = await call('tool_pre_invoke', { name: 't', args });
  const utc = '2025-01-01T03:00:00+00:00';
  expect(modified_payload).toMatchObject({ args: { at: utc, all: [{ at: utc }], note: args.note } });
});

it('refuses a time zone that there is not', async () => {
  await expect(startFilter('sallyport/timezone', { user_tz: 'Mars/Olympus' })).rejects.toMatchObject({
    code: 'SALLY_PLUGIN_CONFIG',
  });
});

it.each([
  ['<meta name="robots" content="noai">', 'ROBOTS_LICENSE'],
  ["<META content='NOINDEX' name='robots'>", 'ROBOTS_LICENSE'],
  ['<meta name=genai content=noai />', 'ROBOTS_LICENSE'],
  ['<meta name="robots" content="all">', '<meta name="robots" content="all">'],
  ['<meta property="robots" content="noai">', '<meta property="robots" content="noai">'],
])('reads what a page tells robots: %s', async (html, outcome) => {
  expect(await ofResource('sallyport/robots-license', {}, html)).toBe(outcome);
});

it('asks for a licence where that is set, tells of it where it does not block, and leaves addresses out', async () => {
  const kind = 'sallyport/robots-license';
  expect(await ofResource(kind, { license_required: true }, '<p>')).toBe('ROBOTS_LICENSE');
  expect(await ofResource(kind, { license_required: true, allow_overrides: ['ok.example'] }, '<p>')).toBe(
    '<p>',
  );
  const call = await startFilter(kind, { license_required: true, block_on_violation: false });
  expect(await call('resource_post_fetch', resource('<p>'))).toMatchObject({
    continue_processing: true,
    metadata: { robots_violation: true },
  });
});

it('finds the elements of a large page in time linear to it', async () => {
  const html = `${'<meta name="robots" '.repeat(50_000)}`;
  expect(await ofResource('sallyport/robots-license', {}, html)).toBe(html);
});

it('blocks what is harmful in any case and anywhere, and only the categories that it is told', async () => {
  const kind = 'sallyport/harmful-content';
  expect(await ofResult(kind, {}, 'I WANT TO DIE')).toBe('HARMFUL_CONTENT');
  expect(await ofResult(kind, { block_on: ['hate'] }, 'I want to die')).toBe('I want to die');
  expect(await ofResult(kind, { categories: { a: ['x+'] }, block_on: ['a'] }, 'a XX b')).toBe(
    'HARMFUL_CONTENT',
  );
  const call = await startFilter(kind);
  expect(await call('tool_pre_invoke', { name: 't', args: { a: [{ b: 'stab him' }] } })).toMatchObject({
    violation: { details: { categories: ['violence'] } },
  });
});

it('blocks code that runs code', async () => {
  expect(await ofResult('sallyport/code-safety', {}, 'x = eval (y)')).toBe('CODE_SAFETY');
  expect(await ofResult('sallyport/code-safety', {}, 'evaluate(y)')).toBe('evaluate(y)');
  expect(await ofResult('sallyport/code-safety', { blocked_patterns: ['y'] }, 'eval(y)')).toBe('CODE_SAFETY');
});

it.each([
  [{}, ['hi\n\n[P] N', 'more']],
  [{ placement: 'prepend' }, ['[P] N\n\nhi', 'more']],
  [{ placement: 'separate_message' }, ['hi', 'more', '[P] N']],
])('puts a notice into a prompt, once: %j', async (config, texts) => {
  const call = await startFilter('sallyport/privacy-notice', { notice_text: 'N', marker: '[P]', ...config });
  const message = (text: string) => ({ role: 'user', content: { type: 'text', text } });
  const prompt = (...each: string[]) => ({ prompt_id: 'p', result: { messages: each.map(message) } });
  const { modified_payload } = await call('prompt_post_fetch', prompt('hi', 'more'));
  expect(modified_payload).toEqual(prompt(...texts));
  expect((await call('prompt_post_fetch', modified_payload)).modified_payload).toBeNull();
});
