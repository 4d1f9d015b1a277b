import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { startFilter } from './run.js';

const kind = 'plugins.argument_normalizer.argument_normalizer.ArgumentNormalizerPlugin';

async function normalized(value: unknown, config: Record<string, unknown> = {}, as = kind): Promise<unknown> {
  const filter = await startFilter(as, config);
  const { modified_payload } = await filter.call('tool_pre_invoke', { name: 't', args: { value } });
  return (modified_payload as { args: { value: unknown } } | null)?.args.value ?? value;
}

describe('a text', () => {
  it.each<[string, string, Record<string, unknown>]>([
    ['Cafe\u0301', 'Café', {}],
    ['ﬁ', 'ﬁ', {}],
    ['ﬁ', 'fi', { unicode_form: 'NFKC' }],
    ['a\u0000b\u0007c\td', 'abc d', {}],
    ['  a \t b  ', 'a b', {}],
    ['a\r\nb\rc', 'a\nb\nc', {}],
    ['a\n\n\n\nb', 'a\n\n\n\nb', {}],
    ['a\n\n\n\nb', 'a\n\nb', { collapse_blank_lines: true }],
    ['  a  ', '  a  ', { enable_whitespace: false }],
    ['JOHN o’neil', 'John O’Neil', { enable_casing: true, case_strategy: 'title' }],
    ['ABC', 'abc', { enable_casing: true, case_strategy: 'lower' }],
    ['ABC', 'ABC', { case_strategy: 'lower' }],
    ['Due 31/12/2023', 'Due 2023-12-31', {}],
    ['1/2/2024', '2024-01-02', {}],
    ['1/2/2024', '2024-02-01', { day_first: true }],
    ['2024/2/1', '2024-02-01', {}],
    ['1.2.24', '2024-01-02', {}],
    ['01/02/03', '01/02/03', { year_first: true }],
    ['32/13/2024', '32/13/2024', {}],
    ['99.99.99', '99.99.99', {}],
    ['1.234,56', '1234.56', {}],
    ['1,234.56', '1234.56', {}],
    ["1'234'567", '1234567', {}],
    ['1,234', '1.234', {}],
    ['1,234', '1234', { decimal_detection: 'dot' }],
    ['1 234,5', '1234.5', { enable_dates: false }],
    ['v1,234x', 'v1,234x', {}],
  ])('%j becomes %j with %j', async (text, expected, config) => {
    expect(await normalized(text, config)).toBe(expected);
  });

  it('keeps its dates and numbers where nothing else is said', async () => {
    expect(await normalized(' 1,234 on 1/2/2024 ', {}, 'sallyport/argument-normalizer')).toBe(
      '1,234 on 1/2/2024',
    );
  });

  it('stays as it is when it is normalized again', async () => {
    const filter = await startFilter(kind, {
      unicode_form: 'NFKC',
      collapse_blank_lines: true,
      enable_numbers: false,
    });
    const once = async (value: string) => {
      const { modified_payload } = await filter.call('tool_pre_invoke', { name: 't', args: { value } });
      return (modified_payload as { args: { value: string } } | null)?.args.value ?? value;
    };
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 40 }), async (text) => {
        const made = await once(await once(text));
        expect(await once(made)).toBe(made);
      }),
      { numRuns: 100 },
    );
  });

  it('is looked for at any depth, and what is none stays', async () => {
    expect(await normalized({ ' a ': [' x ', 5, null, true] })).toEqual({ ' a ': ['x', 5, null, true] });
  });
});

describe('a field', () => {
  it('has rules of its own by its path, the later ones before the earlier', async () => {
    const config = {
      field_overrides: [
        { pattern: '^t\\.value\\.', enable_whitespace: false, enable_casing: true, case_strategy: 'upper' },
        { pattern: 'tags\\[1\\]$', case_strategy: 'lower' },
      ],
    };
    expect(await normalized({ tags: [' a ', ' B '] }, config)).toEqual({ tags: [' A ', ' b '] });
  });

  it('of a prompt has a path that begins with the argument', async () => {
    const filter = await startFilter(kind, { field_overrides: [{ pattern: '^name$', trim: false }] });
    const { modified_payload, metadata } = await filter.call('prompt_pre_fetch', {
      prompt_id: 'p',
      args: { name: ' a ', other: ' b ' },
    });
    expect(modified_payload).toMatchObject({ args: { name: ' a ', other: 'b' } });
    expect(metadata).toEqual({ argument_normalizer: { modified: true } });
  });

  it('with an expression that takes more than linear time is an error at the start', async () => {
    await expect(startFilter(kind, { field_overrides: [{ pattern: '(?=a)' }] })).rejects.toThrow(/RE2/);
  });
});
