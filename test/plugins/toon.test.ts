import { decode } from '@toon-format/toon';
import { describe, expect, it } from 'vitest';
import { startFilter } from './run.js';

describe('TOON', () => {
  const kind = 'plugins.toon_encoder.toon_encoder.ToonEncoderPlugin';
  const rows = { rows: Array.from({ length: 20 }, (_, i) => ({ id: i, name: `n${i}` })) };

  async function converted(config: Record<string, unknown>, item: Record<string, unknown>) {
    const filter = await startFilter(kind, config);
    const result = { content: [item] };
    const { modified_payload } = await filter.call('tool_post_invoke', { name: 't', result });
    return (modified_payload as { result: { content: Record<string, unknown>[] } } | null)?.result.content[0];
  }

  it('says the same as the JSON, and is shorter', async () => {
    const text = JSON.stringify(rows);
    const made = await converted({}, { type: 'text', text, annotations: { priority: 1 } });
    expect(made).toMatchObject({ annotations: { priority: 1, format: 'toon' } });
    expect(String(made?.['text']).length).toBeLessThan(text.length);
    expect(decode(String(made?.['text']))).toEqual(rows);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['is short', {}, '{"a": 1}'],
    ['is long', { max_size_bytes: 50 }, JSON.stringify(rows)],
    ['is no JSON', { min_size_bytes: 1 }, `{${'x'.repeat(200)}}`],
    [
      'has a number that JavaScript cannot hold',
      {},
      JSON.stringify(rows).replace('"id":7', '"id":12345678901234567890'),
    ],
    ['is of another tool', { include_tools: ['u'] }, JSON.stringify(rows)],
    ['is of a tool that is left out', { exclude_tools: ['t'] }, JSON.stringify(rows)],
  ])('is not made of a text that %s', async (_title, config, text) => {
    expect(await converted(config, { type: 'text', text })).toBeUndefined();
  });
});
