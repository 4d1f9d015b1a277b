import { describe, expect, it } from 'vitest';
import { startFilter } from './run.js';

const kind = 'sallyport/schema-guard';

async function problems(
  schema: Record<string, unknown>,
  args: unknown,
  config: Record<string, unknown> = {},
) {
  const filter = await startFilter(kind, { arg_schemas: { t: schema }, ...config });
  const { violation, modified_payload } = await filter.call('tool_pre_invoke', { name: 't', args });
  if (violation) return (violation.details as { errors: string[] }).errors;
  return (modified_payload as { args: unknown } | null)?.args ?? [];
}

describe('arguments', () => {
  it.each<[string, Record<string, unknown>, unknown, readonly string[]]>([
    ['a type', { properties: { a: { type: 'string' } } }, { a: 1 }, ['/a: must be string']],
    ['what is required', { required: ['a'] }, {}, ["must have required property 'a'"]],
    [
      'what is none of several',
      { properties: { a: { enum: ['x'] } } },
      { a: 'y' },
      ['/a: must be equal to one of the allowed values'],
    ],
    [
      'a pattern',
      { properties: { a: { pattern: '^/data/' } } },
      { a: '/etc' },
      ['/a: must match pattern "^/data/"'],
    ],
    [
      'one pattern of two',
      { properties: { a: { pattern: '^a' }, b: { pattern: '^b' } } },
      { a: 'a', b: 'a' },
      ['/b: must match pattern "^b"'],
    ],
    ['a name', { additionalProperties: false }, { b: 1 }, ['must NOT have additional properties: b']],
    [
      'items of 2020-12',
      { properties: { a: { prefixItems: [{ type: 'integer' }] } } },
      { a: ['x'] },
      ['/a/0: must be integer'],
    ],
    [
      'items of draft-07',
      {
        $schema: 'http://json-schema.org/draft-07/schema#',
        properties: { a: { items: [{ type: 'integer' }] } },
      },
      { a: ['x'] },
      ['/a/0: must be integer'],
    ],
    [
      'the same twice',
      { properties: { a: { uniqueItems: true } } },
      {
        a: [
          { x: 1, y: 2 },
          { y: 2, x: 1 },
        ],
      },
      ['/a: must NOT have duplicate items'],
    ],
    [
      'a $ref',
      { $defs: { p: { type: 'boolean' } }, properties: { a: { $ref: '#/$defs/p' } } },
      { a: 0 },
      ['/a: must be boolean'],
    ],
    [
      'several at once',
      { properties: { a: { type: 'string' }, b: { type: 'string' } } },
      { a: 1, b: 2 },
      ['/a: must be string', '/b: must be string'],
    ],
    ['nothing', { properties: { a: { type: 'string' } } }, { a: 'x' }, []],
    ['a format, which is a remark', { properties: { a: { format: 'ipv4' } } }, { a: 'x' }, []],
  ])('that do not conform are told: %s', async (_title, schema, args, expected) => {
    expect(await problems({ type: 'object', ...schema }, args)).toEqual(expected);
  });

  it.each<[string, string, boolean]>([
    ['date-time', '2026-11-28T05:00:00Z', true],
    ['date-time', '2026-13-28T05:00:00Z', false],
    ['date', '2026-11-28', true],
    ['time', '25:00:00Z', false],
    ['email', 'ada@example.org', true],
    ['email', 'ada at example', false],
    ['hostname', 'a-b.example', true],
    ['hostname', '-a.example', false],
    ['ipv4', '1.2.3.256', false],
    ['ipv6', '::1', true],
    ['uri', 'https://example.org/a', true],
    ['uri', '/a', false],
    ['uuid', '123e4567-e89b-12d3-a456-426614174000', true],
  ])('are held against the format %s where that is a rule: %s', async (format, value, valid) => {
    const found = await problems({ properties: { a: { format } } }, { a: value }, { formats: true });
    expect(found).toEqual(valid ? [] : [`/a: must match format "${format}"`]);
  });

  it('become the type asked for, and get defaults, where that is set', async () => {
    const schema = {
      type: 'object',
      properties: { n: { type: 'integer' }, d: { default: 'x' } },
      required: ['n'],
    };
    expect(await problems(schema, { n: '5' }, { coerce: true, defaults: true })).toEqual({ n: 5, d: 'x' });
    expect(await problems(schema, { n: 'five' }, { coerce: true })).toEqual(['/n: must be integer']);
  });

  it('of a tool without a schema pass, and what is wrong is only noted where that is set', async () => {
    const filter = await startFilter(kind, {
      arg_schemas: { t: { required: ['a'] } },
      block_on_violation: false,
    });
    expect((await filter.call('tool_pre_invoke', { name: 'other', args: {} })).metadata).toEqual({});
    const noted = await filter.call('tool_pre_invoke', { name: 't', args: {} });
    expect(noted).toMatchObject({
      continue_processing: true,
      metadata: { schema_errors: [expect.any(String)] },
    });
  });

  it('are told of without their values', async () => {
    const schema = { properties: { a: { type: 'integer' }, b: { const: 1 }, c: { maxLength: 2 } } };
    const found = JSON.stringify(await problems(schema, { a: 'secret', b: 'secret', c: 'secret' }));
    expect(found).not.toContain('secret');
  });

  it('of many thousand items are compared in time by their number', async () => {
    const schema = { properties: { a: { uniqueItems: true } } };
    const items = Array.from({ length: 200_000 }, (_, i) => i);
    expect(await problems(schema, { a: items })).toEqual([]);
    expect(await problems(schema, { a: [...items, 5] })).toEqual(['/a: must NOT have duplicate items']);
  }, 60_000);
});

describe('results', () => {
  const schema = { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] };
  const text = (value: string) => ({ content: [{ type: 'text', text: value }] });

  it.each<[string, unknown, boolean]>([
    ['structured content', { content: [], structuredContent: { n: 1 } }, true],
    ['structured content that is not so', { content: [], structuredContent: {} }, false],
    ['a text that is JSON', text('{"n": 1}'), true],
    ['a text that is none', text('n is 1'), false],
    ['an error', { ...text('no'), isError: true }, true],
    ['of another server', { n: 1 }, true],
  ])('conform by %s', async (_title, result, passes) => {
    const filter = await startFilter(kind, { result_schemas: { t: schema } });
    const { continue_processing, violation } = await filter.call('tool_post_invoke', { name: 't', result });
    expect(continue_processing).toBe(passes);
    if (!passes) expect(violation?.code).toBe('SCHEMA_GUARD_RESULT');
  });

  it('are whole under the kind of ContextForge', async () => {
    const python = 'plugins.schema_guard.schema_guard.SchemaGuardPlugin';
    const filter = await startFilter(python, {
      result_schemas: { t: { required: ['content'] } },
      arg_schemas: null,
    });
    const call = (result: unknown) => filter.call('tool_post_invoke', { name: 't', result });
    expect((await call({ content: [], structuredContent: {} })).continue_processing).toBe(true);
    expect((await call({})).continue_processing).toBe(false);
  });
});

describe('a schema', () => {
  it.each<[string, Record<string, unknown>]>([
    ['that is none', { type: 'text' }],
    ['with a pattern that takes more than linear time', { pattern: '(?=a)b' }],
    ['that leads elsewhere', { $ref: 'https://example.org/schema.json' }],
  ])('%s is an error at the start', async (_title, schema) => {
    await expect(startFilter(kind, { arg_schemas: { t: schema } })).rejects.toThrow(
      /arg_schemas.t: no JSON Schema/,
    );
  });
});
