import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mapTexts, type TextOptions, textHooks } from '../../src/plugins/text/index.js';

/** Every text with where it stands, and the payload with each in capitals. */
function walk(hook: string, payload: unknown, options: TextOptions = {}) {
  const seen: [place: string, text: string][] = [];
  const upper = mapTexts(
    hook,
    payload,
    (text, place) => {
      seen.push([place.pointer(), text]);
      return text.toUpperCase();
    },
    options,
  );
  return { seen, upper };
}

const everything: TextOptions = { keys: true, uris: true, numbersFrom: 5, blobs: true, json: () => true };
const base64 = (text: string | Buffer) => Buffer.from(text).toString('base64');

describe('where texts are', () => {
  it.each<[string, string, unknown, [string, string][]]>([
    [
      'arguments of a tool, at any depth',
      'tool_pre_invoke',
      { name: 'n', args: { a: 'x', 'b/~': [{ c: ['y'] }, 1, null, true] }, headers: { h: 'no' } },
      [
        ['/args/a', 'x'],
        ['/args/b~1~0/0/c/0', 'y'],
      ],
    ],
    ['arguments of a prompt', 'prompt_pre_fetch', { prompt_id: 'n', args: { a: 'x' } }, [['/args/a', 'x']]],
    [
      'messages of a prompt, and what describes it',
      'prompt_post_fetch',
      {
        prompt_id: 'n',
        result: {
          messages: [
            { role: 'user', content: 'x' },
            { role: 'user', content: [{ type: 'text', text: 'y' }] },
          ],
          description: 'd',
        },
      },
      [
        ['/result/messages/0/content', 'x'],
        ['/result/messages/1/content/0/text', 'y'],
        ['/result/description', 'd'],
      ],
    ],
    [
      'blocks of a result of every type, and its structured content',
      'tool_post_invoke',
      {
        name: 'n',
        result: {
          content: [
            { type: 'text', text: 't', _meta: { m: 'meta' } },
            { type: 'image', data: 'aGk=', mimeType: 'image/png' },
            { type: 'audio', data: 'aGk=', mimeType: 'audio/wav' },
            { type: 'resource', resource: { uri: 'u:r', mimeType: 'text/plain', text: 'embedded' } },
            { type: 'resource_link', uri: 'u:l', name: 'link', description: 'about' },
            { type: 'tool_result', toolUseId: 'id', content: [{ type: 'text', text: 'inner' }] },
            { type: 'tool_use', id: 'id', name: 'n', input: { q: 'asked' } },
          ],
          structuredContent: { s: ['data'] },
          isError: false,
        },
      },
      [
        ['/result/content/0/text', 't'],
        ['/result/content/0/_meta/m', 'meta'],
        ['/result/content/3/resource/text', 'embedded'],
        ['/result/content/4/name', 'link'],
        ['/result/content/4/description', 'about'],
        ['/result/content/5/content/0/text', 'inner'],
        ['/result/content/6/input/q', 'asked'],
        ['/result/structuredContent/s/0', 'data'],
      ],
    ],
    ['a result that is a text', 'tool_post_invoke', { name: 'n', result: 'x' }, [['/result', 'x']]],
    [
      'contents of a resource',
      'resource_post_fetch',
      { uri: 'u:r', content: { type: 'resource', id: 'i', uri: 'u:r', mime_type: 'text/x', text: 'x' } },
      [
        ['/content/id', 'i'],
        ['/content/text', 'x'],
      ],
    ],
    [
      'contents of a resource, as MCP has them',
      'resource_post_fetch',
      { uri: 'u:r', content: { contents: [{ uri: 'u:r', mimeType: 'text/x', text: 'x' }] } },
      [['/content/contents/0/text', 'x']],
    ],
    ['nothing of a hook that has no texts', 'http_pre_request', { path: '/x', headers: { a: 'x' } }, []],
    ['nothing of a hook that nobody knows', 'tool_list', { args: { a: 'x' } }, []],
  ])('%s', (_title, hook, payload, expected) => {
    expect(walk(hook, payload).seen).toEqual(expected);
  });

  it('names of fields, where they are asked for; two that become one stay apart', () => {
    const { seen, upper } = walk('tool_pre_invoke', { name: 'n', args: { a: 'x', A: 'y' } }, { keys: true });
    expect(seen).toEqual([
      ['/args', 'a'],
      ['/args/A', 'x'],
      ['/args', 'A'],
      ['/args/A', 'y'],
    ]);
    expect(upper).toEqual({ name: 'n', args: { A: 'X', 'A (2)': 'Y' } });
  });

  it('URIs, where they are asked for', () => {
    const content = [
      { type: 'resource_link', uri: 'u:l' },
      { type: 'resource', resource: { uri: 'u:r', text: '' } },
    ];
    const { seen } = walk('tool_post_invoke', { name: 'n', result: { content } }, { uris: true });
    expect(seen.map(([, text]) => text)).toEqual(['u:l', 'u:r', '']);
    expect(walk('resource_pre_fetch', { uri: 'u:x' }, { uris: true }).seen).toEqual([['/uri', 'u:x']]);
  });

  it('text in base64, where it is asked for; what is no text stays', () => {
    const binary = base64(Buffer.from([0xff, 0xfe, 0]));
    const content = [
      { type: 'resource', resource: { uri: 'u', blob: base64('grüße') } },
      { type: 'resource', resource: { uri: 'u', blob: binary } },
      { type: 'image', mimeType: 'image/svg+xml', data: base64('<svg>a</svg>') },
    ];
    const payload = { name: 'n', result: { content } };
    const { seen, upper } = walk('tool_post_invoke', payload, { blobs: true });
    expect(seen).toEqual([
      ['/result/content/0/resource/blob', 'grüße'],
      ['/result/content/2/data', '<svg>a</svg>'],
    ]);
    expect(upper).toMatchObject({
      result: {
        content: [{ resource: { blob: base64('GRÜSSE') } }, content[1], { data: base64('<SVG>A</SVG>') }],
      },
    });
  });

  it('whole numbers of so many digits: a changed one becomes a text', () => {
    const payload = { name: 'n', args: { a: 12345, b: 1234, c: 12345.5, d: 1e300 } };
    const changed = mapTexts('tool_pre_invoke', payload, (text) => `<${text}>`, { numbersFrom: 5 });
    expect(changed).toEqual({ name: 'n', args: { a: '<12345>', b: 1234, c: 12345.5, d: 1e300 } });
  });
});

describe('JSON in a text', () => {
  const inJson = (text: string, options: TextOptions = {}) => {
    const { upper } = walk(
      'tool_pre_invoke',
      { name: 'n', args: { a: text } },
      { json: () => true, ...options },
    );
    return Object.values((upper as { args: Record<string, string> }).args)[0];
  };

  it.each([
    ['strings', '{"a": "b"}', '{"a": "B"}'],
    [
      'blanks and numbers stay',
      ' { "a" :\n [1.0, "b", 12345678901234567890] } ',
      ' { "a" :\n [1.0, "B", 12345678901234567890] } ',
    ],
    ['escapes', '["a\\u0062\\n\\"c\\\\", "\\u0041"]', '["AB\\n\\"C\\\\", "\\u0041"]'],
    ['JSON in a string of JSON', '{"a":"{\\"b\\":\\"c\\"}"}', '{"a":"{\\"b\\":\\"C\\"}"}'],
    ['a text that only looks like it', '{a}', '{A}'],
    ['an empty list', '[]', '[]'],
  ])('%s', (_title, text, expected) => {
    expect(inJson(text)).toBe(expected);
  });

  it('names and numbers, where they are asked for', () => {
    expect(inJson('{"a": 12345, "b" :1, "B": 2}', { keys: true })).toBe('{"A": 12345, "B" :1, "B": 2}');
    const same = mapTexts('tool_pre_invoke', { args: { a: '{"b": 1, "c": 2}' } }, () => 'x', {
      json: () => true,
      keys: true,
    });
    expect(same).toEqual({ args: { x: '{"x": 1, "x (2)": 2}' } });
    const marked = mapTexts('tool_pre_invoke', { args: { a: '{"a":12345,"b":1}' } }, (text) => `<${text}>`, {
      json: () => true,
      numbersFrom: 5,
    });
    expect(marked).toEqual({ args: { a: '{"a":"<12345>","b":1}' } });
  });

  it('leaves JSON that stays JSON, whatever is put into it', () => {
    fc.assert(
      fc.property(fc.json(), fc.string(), (json, put) => {
        const payload = { args: { a: `[${json}]` } };
        const mapped = mapTexts('tool_pre_invoke', payload, () => put, { ...everything, numbersFrom: 1 });
        const [text = ''] = Object.values<string>(mapped.args);
        expect(() => JSON.parse(text)).not.toThrow();
      }),
    );
  });
});

describe('what is not changed', () => {
  const payloads = fc.record({
    name: fc.string(),
    args: fc.dictionary(fc.string(), fc.jsonValue()),
    result: fc.oneof(
      fc.jsonValue(),
      fc.record({ content: fc.array(fc.record({ type: fc.string(), text: fc.jsonValue() })) }),
    ),
  });

  it('is the payload itself', () => {
    fc.assert(
      fc.property(fc.constantFrom(...textHooks), payloads, (hook, payload) => {
        expect(mapTexts(hook, payload, (text) => text, everything)).toBe(payload);
      }),
    );
  });

  it('is shared with it', () => {
    const rest = { deep: ['b'] };
    const payload = { name: 'n', args: { a: 'x', rest, list: [rest, 'x'] } };
    const changed = mapTexts('tool_pre_invoke', payload, (text) => (text === 'x' ? 'y' : text));
    expect(changed).toEqual({ name: 'n', args: { a: 'y', rest, list: [rest, 'y'] } });
    expect(changed.args.rest).toBe(rest);
    expect(changed.args.list[0]).toBe(rest);
    expect(payload.args.a).toBe('x');
  });

  it('is a key that only an object of JSON has', () => {
    const args = JSON.parse('{"__proto__": "x", "constructor": "x"}') as Record<string, unknown>;
    const changed = mapTexts('tool_pre_invoke', { args }, () => 'y');
    expect(JSON.stringify(changed)).toBe('{"args":{"__proto__":"y","constructor":"y"}}');
  });
});
