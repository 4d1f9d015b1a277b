import fc from 'fast-check';
import { expect, it } from 'vitest';
import { repaired } from '../../src/plugins/json-repair.js';
import { startFilter } from './run.js';

it.each<[string, string | undefined]>([
  ['{"a": 1}', undefined],
  ["{'a': 1}", '{"a": 1}'],
  ['{"a": [1, 2,],}', '{"a": [1, 2]}'],
  ['{a: 1}', '{"a": 1}'],
  ['[1 2 3]', '[1, 2, 3]'],
  ['{"a": None, "b": True}', '{"a": null, "b": true}'],
  ['"a": 1', '{"a": 1}'],
  ['note: this is prose', undefined],
  ['```json\n{"a": 1}\n```', '{"a": 1}'],
  ['See [1] and {2}', undefined],
  ['plain', undefined],
  ['{"a": 1', undefined],
])('%j becomes %j', (text, expected) => {
  expect(repaired(text)).toBe(expected);
});

it('closes what was cut off, where that is set', () => {
  expect(repaired('{"a": [1, {"b": "c', true)).toBe('{"a": [1, {"b": "c"}]}');
});

it('makes JSON of whatever it changes', () => {
  fc.assert(
    fc.property(
      fc.json({ maxDepth: 3 }),
      fc.nat(60),
      fc.constantFrom(',', "'", '}', ' '),
      (json, at, sign) => {
        const made = repaired(`${json.slice(0, at)}${sign}${json.slice(at)}`, true);
        if (made !== undefined) expect(() => JSON.parse(made)).not.toThrow();
      },
    ),
  );
});

it('mends results, and leaves those that are well', async () => {
  const filter = await startFilter('plugins.json_repair.json_repair.JSONRepairPlugin');
  const call = (result: unknown) => filter.call('tool_post_invoke', { name: 't', result });
  expect(await call("{'a': 1}")).toMatchObject({
    modified_payload: { result: '{"a": 1}' },
    metadata: { repaired: true },
  });
  const text = (value: string) => ({ content: [{ type: 'text', text: value }] });
  expect((await call(text('{a: 1}'))).modified_payload).toMatchObject({ result: text('{"a": 1}') });
  expect((await call(text('all is {well}'))).modified_payload).toBeNull();
});
