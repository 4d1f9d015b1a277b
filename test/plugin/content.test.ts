import { expect, it } from 'vitest';
import { contentWanted, seenBy, wantsWhole, withUnseen } from '../../src/plugin/content.js';

const none = { maxBytes: Number.POSITIVE_INFINITY, noContent: true };
const context = { state: {}, metadata: {}, global_context: { request_id: '1', state: {}, metadata: {} } };

const png = { type: 'image', data: 'AAAA', mimeType: 'image/png' };
const rows: [string, object, object][] = [
  [
    'tool_post_invoke',
    { name: 't', result: { content: [png], structuredContent: { a: 1 }, isError: false } },
    { name: 't', result: { content: [], isError: false } },
  ],
  [
    'prompt_post_fetch',
    { prompt_id: 'p', result: { description: 'd', messages: [{ role: 'user', content: png }] } },
    { prompt_id: 'p', result: { description: 'd', messages: [] } },
  ],
  [
    'resource_post_fetch',
    { uri: 'u', content: { uri: 'u', mimeType: 'image/png', blob: 'AAAA' } },
    { uri: 'u', content: { uri: 'u', mimeType: 'image/png' } },
  ],
];

function seen(hook: string, payload: object): unknown {
  return seenBy('P', hook, { payload, payloadJson: undefined }, none).payload;
}
function after(hook: string, payload: object, made: unknown): unknown {
  const result = { continue_processing: true, modified_payload: made };
  return withUnseen(hook, payload, seen(hook, payload), { result, context }).result.modified_payload;
}

it.each(rows)(
  '%s is shown without its content, which comes back with what was changed',
  (hook, payload, view) => {
    expect(seen(hook, payload)).toEqual(view);
    expect(after(hook, payload, view)).toEqual(payload);
    const [within = ''] = Object.keys(view).slice(1);
    const changed = { ...view, [within]: { ...(view as Record<string, object>)[within], _meta: { x: 1 } } };
    const whole = (payload as Record<string, object>)[within];
    expect(after(hook, payload, changed)).toEqual({ ...payload, [within]: { ...whole, _meta: { x: 1 } } });
    expect(after(hook, payload, null)).toBeNull();
  },
);

it.each(rows)('%s is shown as it is to a plugin that only takes no more than a size', (hook, payload) => {
  const wanted = { maxBytes: 10_000, noContent: false };
  expect(seenBy('P', hook, { payload, payloadJson: undefined }, wanted)).toEqual({
    payload,
    payloadJson: JSON.stringify(payload),
  });
  expect(() => seenBy('P', hook, { payload, payloadJson: undefined }, { ...wanted, maxBytes: 10 })).toThrow(
    /takes at most 10 \(max_content_size\)/,
  );
});

it('nothing comes back beside content of the plugin’s own', () => {
  const [hook, payload] = rows[0] as (typeof rows)[number];
  const own = { name: 't', result: { content: [{ type: 'text', text: 'withheld' }], isError: false } };
  expect(after(hook, payload, own)).toEqual(own);
});

it('a result that is a plain text is content as a whole', () => {
  const payload = { name: 't', result: 'a text' };
  expect(seen('tool_post_invoke', payload)).toEqual({ name: 't', result: null });
  expect(after('tool_post_invoke', payload, { name: 't', result: null })).toEqual(payload);
  expect(after('tool_post_invoke', payload, { name: 't', result: 'mine' })).toEqual({
    name: 't',
    result: 'mine',
  });
});

it('arguments are no content of a result', () => {
  const payload = { name: 't', args: { content: [png] } };
  expect(seen('tool_pre_invoke', payload)).toBe(payload);
});

it('an entry says what it wants, or nothing', () => {
  expect(contentWanted({ name: 'P', kind: 'k', result_content: 'full' })).toBeUndefined();
  expect(contentWanted({ name: 'P', kind: 'k', max_content_size: 5 })).toEqual({
    maxBytes: 5,
    noContent: false,
  });
  expect(contentWanted({ name: 'P', kind: 'k', result_content: 'none' })).toEqual(none);
  expect(wantsWhole(undefined, 'tool_post_invoke', 10)).toBe(true);
  expect(wantsWhole(none, 'tool_post_invoke', 10)).toBe(false);
  expect(wantsWhole(none, 'tool_pre_invoke', 10)).toBe(true);
  expect(wantsWhole({ maxBytes: 10, noContent: false }, 'tool_pre_invoke', 10)).toBe(false);
});
