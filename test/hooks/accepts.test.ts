import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  HookResult,
  hookNames,
  hookTable,
  PluginContext,
  PluginErrorModel,
  quickAccept,
  SettledContext,
  Violation,
} from '../../src/hooks/index.js';

const scalar = fc.oneof(
  fc.string(),
  fc.boolean(),
  fc.integer(),
  fc.double(),
  fc.constantFrom(null, undefined, Number.NaN, -0, 1n, new Date(0), [], new Map()),
);
const keys = fc.constantFrom(
  ...[
    'name',
    'args',
    'headers',
    'prompt_id',
    'result',
    'messages',
    'uri',
    'path',
    'method',
    'agent_id',
    '__proto__',
  ],
  ...[
    'state',
    'metadata',
    'global_context',
    'request_id',
    'user',
    'tenant_id',
    'continue_processing',
    'constructor',
  ],
  ...[
    'modified_payload',
    'violation',
    'reason',
    'description',
    'code',
    'details',
    'mcp_error_code',
    'x',
    'granted',
  ],
);
/** Values with the contract's keys in them, at any depth. */
const { near } = fc.letrec((tie) => ({
  near: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    scalar,
    fc.array(tie('near'), { maxLength: 3 }),
    fc.array(fc.tuple(keys, tie('near')), { maxLength: 6 }).map((entries) => {
      const made: Record<string, unknown> = {};
      for (const [key, value] of entries) {
        Object.defineProperty(made, key, { value, enumerable: true, writable: true, configurable: true });
      }
      return made;
    }),
  ),
}));

const schemas: [string, z.ZodType, z.ZodType][] = [
  ...hookNames.flatMap((hook): [string, z.ZodType, z.ZodType][] => [
    [hook, hookTable[hook].payload, hookTable[hook].payload],
    [`what ${hook} answers`, hookTable[hook].modified, hookTable[hook].modified],
  ]),
  ['a result', HookResult, HookResult],
  ['a violation', Violation, Violation],
  ['an error', PluginErrorModel, PluginErrorModel],
  ['a context', PluginContext, SettledContext],
];

describe('the quick yes', () => {
  it.each(schemas)(
    '[S9] for %s is given only where the schema takes the value as it is',
    (_what, schema, settled) => {
      const accepts = quickAccept(settled);
      fc.assert(
        fc.property(near, (value) => {
          if (!accepts(value)) return;
          const read = schema.safeParse(value);
          expect(read.error?.issues).toBeUndefined();
          // Vitest looks at `constructor` to compare classes; here it may be any field.
          expect(isDeepStrictEqual(read.data, value)).toBe(true);
        }),
        { numRuns: 400 },
      );
    },
  );

  it.each<[string, z.ZodType, unknown]>([
    [
      'tool_pre_invoke',
      hookTable.tool_pre_invoke.payload,
      { name: 't', args: { a: [null] }, headers: null, x: 1 },
    ],
    ['tool_post_invoke', hookTable.tool_post_invoke.payload, { name: 't', result: { content: [] } }],
    [
      'a result',
      HookResult,
      { continue_processing: true, modified_payload: null, violation: null, metadata: {} },
    ],
    [
      'a context',
      SettledContext,
      {
        state: {},
        metadata: {},
        global_context: { request_id: '1', user: { id: 1 }, state: {}, metadata: {} },
      },
    ],
  ])('[S9] is given for %s as peers write it', (_what, schema, value) => {
    expect(quickAccept(schema)(value)).toBe(true);
  });

  it.each<[string, z.ZodType, unknown]>([
    ['a check', z.string().min(1), 'x'],
    ['a transformation', z.string().transform((text) => text), 'x'],
    ['a format', z.email(), 'ada@example.org'],
    ['an object that is not loose', z.object({ a: z.string() }), { a: 'x' }],
    ['a record with checked keys', z.record(z.string().min(2), z.unknown()), { ab: 1 }],
    ['a class', z.record(z.string(), z.unknown()), new Date()],
  ])('is not given for %s', (_what, schema, value) => {
    expect(quickAccept(schema)(value)).toBe(false);
  });
});
