import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutText } from '../../src/plugins/output-length/cut.js';
import { characters, countedTokens, estimatedTokens } from '../../src/plugins/output-length/measure.js';
import { startFilter } from './run.js';

const kind = 'sallyport/output-length';
const plain = { measure: characters, ellipsis: '…', words: false };
const wellFormed = (text: string) => Buffer.from(text).toString() === text;
const points = (text: string) => [...text].length;

/** What becomes of a result. */
async function result(config: Record<string, unknown>, given: unknown): Promise<unknown> {
  const filter = await startFilter(kind, config);
  const { continue_processing, modified_payload, violation } = await filter.call('tool_post_invoke', {
    name: 't',
    result: given,
  });
  if (!continue_processing) return violation;
  return (modified_payload as { result: unknown } | null)?.result ?? given;
}

const text = (value: string) => ({ content: [{ type: 'text', text: value }] });

describe('cutting a text', () => {
  it.each<[string, string, number, string]>([
    ['what fits stays', 'abc', 3, 'abc'],
    ['the ellipsis counts', 'abcdef', 4, 'abc…'],
    ['an ellipsis without room is left out', 'abcdef', 1, 'a'],
    ['nothing at all may stay', 'abcdef', 0, ''],
    ['a pair of code units is one character', '😀😀😀😀', 3, '😀😀…'],
    ['a family is one character', 'ab👩‍👧‍👦cd', 6, 'ab…'],
    ['a letter keeps its accent', 'abe\u0301fghij', 4, 'ab…'],
    ['a flag is not cut in two', 'a🇩🇪🇫🇷🇪🇸', 5, 'a🇩🇪…'],
  ])('%s', (_title, value, size, expected) => {
    expect(cutText(value, size, plain)).toBe(expected);
  });

  it('after a word, if one ends within the last fifth', () => {
    const cut = { ...plain, words: true };
    expect(cutText('one twothreefour', 10, cut)).toBe('one twoth…');
    expect(cutText('one two three four', 9, cut)).toBe('one two …');
  });

  it('leaves a beginning of the text, no longer than asked for, that stays as it is when it is cut again', () => {
    const texts = fc.string({ unit: 'grapheme', maxLength: 60 });
    fc.assert(
      fc.property(
        texts,
        fc.nat(40),
        fc.constantFrom('', '…', '[cut]'),
        fc.boolean(),
        (value, size, ellipsis, words) => {
          const cut = { measure: characters, ellipsis, words };
          const made = cutText(value, size, cut);
          expect(points(made)).toBeLessThanOrEqual(size);
          expect(cutText(made, size, cut)).toBe(made);
          expect(wellFormed(made) || !wellFormed(value)).toBe(true);
          if (made !== value) {
            const kept = made.endsWith(ellipsis) ? made.slice(0, made.length - ellipsis.length) : made;
            expect(value.startsWith(kept)).toBe(true);
          }
        },
      ),
    );
  });

  it('estimates tokens by characters', () => {
    const cut = { measure: estimatedTokens(4), ellipsis: '…', words: false };
    expect(cutText('abcdefghijk', 2, cut)).toBe('abcdefghijk');
    const made = cutText('abcdefghijklm', 2, cut);
    expect(Math.floor(points(made) / 4)).toBe(2);
  });

  it.each(['o200k_base', 'cl100k_base'] as const)('counts the tokens of %s', async (encoding) => {
    const measure = await countedTokens('P', encoding);
    expect(measure.size('hello world')).toBe(2);
    const cut = { measure, ellipsis: '…', words: false };
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 80 }),
        fc.integer({ min: 1, max: 20 }),
        (value, size) => {
          const made = cutText(value, size, cut);
          expect(measure.size(made)).toBeLessThanOrEqual(size);
          expect(made === value || value.startsWith(made.replace(/…$/, ''))).toBe(true);
        },
      ),
      { numRuns: 50 },
    );
    expect(measure.size('a'.repeat(20_000))).toBeGreaterThan(1_000);
  });
});

describe('results', () => {
  it('are cut in every kind of content, and nothing else of them', async () => {
    const image = { type: 'image', data: 'A'.repeat(100), mimeType: 'image/png' };
    const given = {
      content: [
        { type: 'text', text: 'abcdefghij' },
        image,
        {
          type: 'resource',
          resource: { uri: 'file:///a/long/name.txt', mimeType: 'text/plain', text: 'klmnopqrst' },
        },
      ],
      isError: false,
      _meta: { note: 'longer than five' },
    };
    expect(await result({ max_chars: 5 }, given)).toEqual({
      content: [
        { type: 'text', text: 'abcd…' },
        image,
        {
          type: 'resource',
          resource: { uri: 'file:///a/long/name.txt', mimeType: 'text/plain', text: 'klmn…' },
        },
      ],
      isError: false,
      _meta: { note: 'longer than five' },
    });
  });

  it('say the same in structured content and in the text that repeats it', async () => {
    const structured = { a: 'abcdefghij', n: 12345678, s: '12345678' };
    const changed = { a: 'abcd…', n: 12345678, s: '12345678' };
    const made = await result(
      { max_chars: 5 },
      {
        content: [{ type: 'text', text: JSON.stringify(structured, null, 1) }],
        structuredContent: structured,
      },
    );
    expect(made).toEqual({
      content: [{ type: 'text', text: '{"a"…' }],
      structuredContent: changed,
    });
    const whole = await result(
      { max_chars: 50 },
      {
        content: [{ type: 'text', text: JSON.stringify({ a: 'x'.repeat(60) }) }],
        structuredContent: { a: 'x'.repeat(60) },
      },
    );
    expect(whole).toMatchObject({ structuredContent: { a: `${'x'.repeat(49)}…` } });
  });

  it.each(['plain', { text: 'a dict' }, ['a', 'list'], [{ type: 'text', text: 'blocks' }]])(
    'of other servers are cut as well: %j',
    async (given) => {
      const made = JSON.stringify(await result({ max_chars: 3 }, given));
      expect(made).toContain('…');
    },
  );

  it('share one limit where it is that of the payload', async () => {
    const given = { content: ['abcd', 'efgh', 'ijkl'].map((value) => ({ type: 'text', text: value })) };
    const made = (await result({ max_chars: 6, scope: 'payload' }, given)) as typeof given;
    expect(made.content.map((block) => block.text)).toEqual(['abcd', 'e…', '']);
    expect(await result({ max_chars: 11, scope: 'payload', strategy: 'block' }, given)).toMatchObject({
      code: 'OUTPUT_LENGTH_VIOLATION',
      details: { length: 12, max_chars: 11 },
    });
  });

  it('are left as they are where there is no limit, and where they are within it', async () => {
    for (const max_chars of [0, null, 10]) {
      const filter = await startFilter(kind, { max_chars });
      const { modified_payload } = await filter.call('tool_post_invoke', {
        name: 't',
        result: text('abcdefghij'),
      });
      expect(modified_payload).toBeNull();
    }
  });
});

describe('blocking', () => {
  it.each<[string, Record<string, unknown>, unknown, string, Record<string, unknown>]>([
    [
      'too many characters',
      { max_chars: 3 },
      text('abcd'),
      'OUTPUT_LENGTH_VIOLATION',
      { length: 4, max_chars: 3 },
    ],
    [
      'too few characters',
      { min_chars: 5 },
      text('abcd'),
      'OUTPUT_LENGTH_VIOLATION',
      { length: 4, min_chars: 5 },
    ],
    [
      'too many tokens',
      { limit_mode: 'token', max_tokens: 1 },
      text('abcdefgh'),
      'OUTPUT_TOKEN_VIOLATION',
      { token_count: 2, max_tokens: 1 },
    ],
    [
      'too many entries',
      { max_structure_size: 2 },
      { content: [], structuredContent: { list: [1, 2, 3] } },
      'STRUCTURE_SIZE_VIOLATION',
      { size: 3, location: '/result/structuredContent/list' },
    ],
    [
      'too many levels',
      { max_recursion_depth: 10 },
      { content: [], structuredContent: JSON.parse(`${'['.repeat(13)}1${']'.repeat(13)}`) },
      'STRUCTURE_DEPTH_VIOLATION',
      { depth: 11, max_depth: 10 },
    ],
  ])('says which limit: %s', async (_title, config, given, code, details) => {
    expect(await result({ strategy: 'block', ...config }, given)).toMatchObject({ code, details });
  });

  it('says where, and nothing of the text', async () => {
    const secret = 'a secret that is too long';
    const given = { content: [], structuredContent: { pages: [{ title: 'x', body: secret }] } };
    const violation = JSON.stringify(await result({ strategy: 'block', max_chars: 5 }, given));
    expect(violation).toContain('/result/structuredContent/pages/0/body');
    expect(violation).not.toContain('secret');
  });

  it('lets numbers pass, however long they are', async () => {
    expect(await result({ strategy: 'block', max_chars: 3, min_chars: 2 }, text('123456'))).toEqual(
      text('123456'),
    );
    expect(await result({ strategy: 'block', max_chars: 3 }, text('1'.repeat(51)))).toMatchObject({
      code: 'OUTPUT_LENGTH_VIOLATION',
    });
  });
});

describe('its settings', () => {
  it.each([
    [{ min_chars: 5, max_chars: 4 }, /min_chars is 5/],
    [{ strategy: 'cut' }, /strategy/],
    [{ max_char: 5 }, /max_chars/],
  ])('that are not valid are an error at the start: %j', async (config, message) => {
    await expect(startFilter(kind, config)).rejects.toThrow(message);
  });
});

it('cuts a megabyte in linear time', async () => {
  const long = 'a\u0301'.repeat(400_000);
  const made = cutText(long, 300_001, plain);
  expect(points(made)).toBeLessThanOrEqual(300_001);
});
