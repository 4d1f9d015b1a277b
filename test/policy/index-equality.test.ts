import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { DecisionInput, RuleSettings } from '../../src/policy/index.js';
import { RuleSet } from '../../src/policy/rules/index.js';

const name = fc.constantFrom('a', 'b', 'c', 'd');
const list = fc
  .array(name, { maxLength: 3 })
  .map((names) => `[${names.map((one) => `"${one}"`).join(', ')}]`);

/** What the index reads: comparisons of what requests are found by. */
const compared = fc
  .tuple(
    fc.constantFrom(
      'tool.name',
      'prompt.name',
      'resource.uri',
      'user.name',
      'upstream',
      'tenant',
      'server',
      'mcp.method',
    ),
    fc.oneof(
      name.map((one) => (path: string) => `${path} == "${one}"`),
      name.map((one) => (path: string) => `"${one}" == ${path}`),
      name.map((one) => (path: string) => `${path} != "${one}"`),
      list.map((names) => (path: string) => `${path} in ${names}`),
    ),
  )
  .map(([path, compare]) => compare(path));

/** What it does not, or what fails. */
const other = fc.constantFrom(
  'true',
  'false',
  'tool.name.startsWith("a")',
  '"a" in user.groups',
  'args.x == "a"',
  'has(args.x)',
  'claims.team == "a"',
  'tool.annotations.readOnlyHint',
);

const expression = fc.letrec<{ whole: string }>((tie) => ({
  whole: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    compared,
    other,
    fc
      .tuple(tie('whole'), fc.constantFrom('&&', '||'), tie('whole'))
      .map(([one, operator, two]) => `(${one}) ${operator} (${two})`),
    tie('whole').map((one) => `!(${one})`),
    fc
      .tuple(tie('whole'), tie('whole'), tie('whole'))
      .map(([one, two, three]) => `(${one}) ? (${two}) : (${three})`),
  ),
})).whole;

const rule: fc.Arbitrary<Omit<RuleSettings, 'at'>> = fc.record({
  effect: fc.constantFrom('allow', 'deny', 'ask'),
  expression,
  trustAnnotations: fc.boolean(),
});

const optionalName = fc.option(name);
const input: fc.Arbitrary<DecisionInput> = fc.record(
  {
    caller: fc.record({
      user: optionalName,
      groups: fc.array(name, { maxLength: 2 }),
      tenant: optionalName,
      method: fc.constant('jwt'),
      claims: fc.oneof(fc.constant({}), fc.record({ team: name })),
      client: fc.constant({ name: 'test', version: '1' }),
      server: fc.oneof(fc.constant(''), name),
    }),
    method: name,
    upstream: fc.oneof(fc.constant(''), name),
    subject: fc.record({
      kind: fc.constantFrom('tool', 'prompt', 'resource', 'template'),
      name,
      publicName: name,
      listed: fc.record({ annotations: fc.record({ readOnlyHint: fc.boolean() }) }),
      locked: fc.boolean(),
    }),
    args: fc.oneof(fc.constant(undefined), fc.constant({}), fc.record({ x: name })),
  },
  { requiredKeys: ['caller', 'method', 'upstream', 'args'] },
) as fc.Arbitrary<DecisionInput>;

it('rules that are found by an index decide as those that are all looked at', () => {
  const some = fc.tuple(
    fc.array(rule, { minLength: 1, maxLength: 8 }),
    fc.constantFrom(undefined, 'allow', 'deny'),
    fc.array(input, { minLength: 1, maxLength: 12 }),
  );
  fc.assert(
    fc.property(some, ([written, otherwise, inputs]) => {
      const rules = written.map((one, i) => ({ ...one, at: { file: 'f', line: i + 1, column: 1 } }));
      const settings = { rules, otherwise: otherwise as 'allow' | 'deny' | undefined };
      const [indexed, whole] = [new RuleSet(settings), new RuleSet(settings, { indexed: false })];
      for (const one of inputs) expect(indexed.decide(one)).toEqual(whole.decide(one));
    }),
    { numRuns: 400 },
  );
}, 60_000);
