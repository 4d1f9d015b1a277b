import { describe, expect, it } from 'vitest';
import type { DecisionInput } from '../../src/policy/index.js';
import { type Outcome, RuleSet } from '../../src/policy/rules/index.js';
import type { RuleSettings } from '../../src/policy/settings.js';

type Effect = RuleSettings['effect'];
type Written = Partial<Record<Effect, string>> & { reason?: string; trust?: boolean };

const at = (line: number) => ({ file: 'gateway.yaml', line, column: 15 });

function setOf(rules: readonly Written[], otherwise?: 'allow' | 'deny'): RuleSet {
  return new RuleSet({
    otherwise,
    rules: rules.map((rule, i) => {
      const effect = (['deny', 'ask', 'allow'] as const).find((one) => rule[one] !== undefined) ?? 'deny';
      const { reason, trust = false } = rule;
      const expression = rule[effect] ?? '';
      return { effect, expression, at: at(i + 1), trustAnnotations: trust, ...(reason && { reason }) };
    }),
  });
}

type Asked = {
  user?: string;
  groups?: string[];
  tenant?: string;
  claims?: object;
  upstream?: string;
  tool?: string;
  prompt?: string;
  uri?: string;
  annotations?: object;
  locked?: boolean;
  args?: object;
  method?: string;
};

function input(asked: Asked): DecisionInput {
  const { tool, prompt, uri, user = null, tenant = null } = asked;
  const name = tool ?? prompt ?? uri;
  const kind = tool ? 'tool' : prompt ? 'prompt' : 'resource';
  return {
    caller: {
      user,
      groups: asked.groups ?? [],
      tenant,
      method: 'bearer',
      claims: { ...asked.claims },
      client: { name: 'test', version: '1' },
      server: '',
    },
    method: asked.method ?? 'tools/call',
    upstream: asked.upstream ?? 'files',
    ...(name !== undefined && {
      subject: {
        kind,
        name,
        publicName: `files__${name}`,
        listed: { name, annotations: asked.annotations },
        locked: asked.locked ?? false,
      },
    }),
    args: asked.args as DecisionInput['args'],
  };
}

const says = (rules: readonly Written[], asked: Asked, otherwise?: 'allow' | 'deny') =>
  setOf(rules, otherwise).decide(input(asked)).kind;

describe('what is decided', () => {
  it('is allowed where there are only denials and none holds, and denied where something is allowed and nothing holds', () => {
    expect(says([{ deny: 'tool.name == "x"' }], { tool: 'y', args: {} })).toBe('allow');
    expect(says([{ allow: 'tool.name == "x"' }], { tool: 'y', args: {} })).toBe('deny');
    expect(says([{ allow: 'tool.name == "x"' }], { tool: 'y', args: {} }, 'allow')).toBe('allow');
    expect(says([{ deny: 'tool.name == "x"' }], { tool: 'y', args: {} }, 'deny')).toBe('deny');
    expect(says([], { tool: 'y', args: {} }, 'deny')).toBe('deny');
  });

  it('is denied before all, then asked, then allowed, whatever the order', () => {
    const [allow, ask, deny] = [{ allow: 'true' }, { ask: 'true' }, { deny: 'true' }];
    expect(says([allow, ask, deny], { tool: 'x', args: {} })).toBe('deny');
    expect(says([allow, ask], { tool: 'x', args: {} })).toBe('ask');
    expect(says([ask, allow], { tool: 'x', args: {} })).toBe('ask');
  });

  it('names the first denial that holds, with its line and reason', () => {
    const rules = [{ deny: 'tool.name == "y"' }, { deny: 'true', reason: 'why not' }, { deny: 'true' }];
    expect(setOf(rules).decide(input({ tool: 'x', args: {} }))).toEqual({
      kind: 'deny',
      by: 'gateway.yaml:2',
      reason: 'why not',
    });
  });

  it('is the careful way where a rule cannot be evaluated', () => {
    const missing = 'args.path == "/data"';
    expect(says([{ deny: missing }], { tool: 'x', args: {} })).toBe('deny');
    expect(says([{ deny: `!(${missing})` }], { tool: 'x', args: {} })).toBe('deny');
    expect(says([{ allow: missing }], { tool: 'x', args: {} })).toBe('deny');
    expect(says([{ allow: missing }, { allow: 'tool.name == "x"' }], { tool: 'x', args: {} })).toBe('allow');
    expect(says([{ ask: missing }], { tool: 'x', args: {} })).toBe('ask');
    expect(says([{ ask: missing }], { tool: 'x', args: {} }, 'deny')).toBe('deny');
    expect(says([{ deny: 'has(args.path) && args.path == "/data"' }], { tool: 'x', args: {} })).toBe('allow');
    expect(says([{ deny: 'claims.department == "sales"' }], { tool: 'x', args: {} })).toBe('deny');
    expect(says([{ deny: 'args.path' }], { tool: 'x', args: { path: 'text' } })).toBe('deny');
  });

  it('hides nothing by a rule on arguments where nobody knows them', () => {
    const rule = 'tool.name == "x" && args.path.startsWith("/data/")';
    expect(says([{ deny: rule }], { tool: 'x' })).toBe('allow');
    expect(says([{ deny: 'tool.name == "x" || args.path == "y"' }], { tool: 'x' })).toBe('allow');
    expect(says([{ allow: rule }], { tool: 'x' })).toBe('allow');
    expect(says([{ allow: rule }], { tool: 'y' })).toBe('deny');
    expect(says([{ allow: 'has(args.path) && tool.name == "x"' }], { tool: 'y' })).toBe('deny');
    expect(says([{ deny: 'size(args) == 0' }], { tool: 'x' })).toBe('allow');
  });

  it('is for tools, prompts or resources alone where a rule is about them', () => {
    const rules = [{ deny: '!tool.name.startsWith("read")' }];
    expect(says(rules, { tool: 'write', args: {} })).toBe('deny');
    expect(says(rules, { prompt: 'write', args: {} })).toBe('allow');
    expect(says(rules, { uri: 'file:///a', args: {} })).toBe('allow');
    expect(says(rules, { method: 'x/y', args: {} })).toBe('allow');
    const both = [{ deny: 'tool.name == "a" || prompt.name == "b"' }];
    expect(says(both, { tool: 'a', args: {} })).toBe('deny');
    expect(says(both, { tool: 'b', args: {} })).toBe('allow');
    expect(says(both, { prompt: 'b', args: {} })).toBe('deny');
    expect(says([{ deny: 'tool.name == "a" && prompt.name == ""' }], { tool: 'a', args: {} })).toBe('deny');
  });

  it('takes annotations for what MCP says of a tool without any, unless they are locked or trusted', () => {
    const destructive = 'tool.annotations.destructiveHint == true && !("admin" in user.groups)';
    const gentle = { tool: 'x', args: {}, annotations: { destructiveHint: false } };
    expect(says([{ deny: destructive }], gentle)).toBe('deny');
    expect(says([{ deny: destructive, trust: true }], gentle)).toBe('allow');
    expect(says([{ deny: destructive }], { ...gentle, locked: true })).toBe('allow');
    expect(says([{ deny: destructive }], { ...gentle, groups: ['admin'] })).toBe('allow');
    const reading = { tool: 'x', args: {}, annotations: { readOnlyHint: true } };
    expect(says([{ allow: 'tool.annotations.readOnlyHint' }], reading)).toBe('deny');
    expect(says([{ allow: 'tool.annotations.readOnlyHint', trust: true }], reading)).toBe('allow');
    expect(says([{ deny: destructive, trust: true }], reading)).toBe('allow');
    const lying = { tool: 'x', args: {}, annotations: { destructiveHint: 'false' } };
    expect(says([{ deny: destructive, trust: true }], lying)).toBe('deny');
  });

  it('reads the arguments in a rule that comes after one that reads none', () => {
    const rules = [{ deny: 'user.name == "eve"' }, { deny: 'args.path == "/etc"' }];
    expect(says(rules, { tool: 'x', args: { path: '/data' } })).toBe('allow');
    expect(says(rules, { tool: 'x', args: { path: '/etc' } })).toBe('deny');
    const wide = [{ deny: 'tool.name.startsWith("y")' }, { allow: 'args.path == "/data"' }];
    expect(says(wide, { tool: 'x', args: { path: '/data' } })).toBe('allow');
  });

  it('compares numbers of JSON with any number, also large ones', () => {
    const of = (n: unknown) => ({ tool: 'x', args: { n } });
    expect(says([{ deny: 'args.n > 5' }], of(6))).toBe('deny');
    expect(says([{ deny: 'args.n > 5' }], of(4.5))).toBe('allow');
    expect(says([{ deny: 'args.n in [1, 2]' }], of(2))).toBe('deny');
  });

  it('matches in linear time', () => {
    const text = `${'a'.repeat(50_000)}!`;
    const began = performance.now();
    expect(says([{ deny: 'args.t.matches("^(a+)+$")' }], { tool: 'x', args: { t: text } })).toBe('allow');
    expect(performance.now() - began).toBeLessThan(5_000);
  });

  it('gives up on arguments that would take too long, and denies', () => {
    const many = Array.from({ length: 3_000 }, (_, i) => i);
    const rule = 'args.l.exists(x, args.l.exists(y, args.l.exists(z, x + y + z < 0.0)))';
    const outcomes: Outcome[] = [];
    expect(setOf([{ deny: rule }]).decide(input({ tool: 'x', args: { l: many } }), outcomes).kind).toBe(
      'deny',
    );
    expect(outcomes).toMatchObject([{ said: 'failed' }]);
    const searched = { a: 'a'.repeat(1_000_000), b: `${'a'.repeat(500_000)}b` };
    expect(says([{ deny: 'args.a.contains(args.b)' }], { tool: 'x', args: searched })).toBe('deny');
  });

  it('sees arguments seven levels deep, and fails on what is below', () => {
    const rule = [{ deny: 'args.a.b.c.d.e.f == "x"' }];
    const nest = (value: unknown) => ({ a: { b: { c: { d: { e: { f: value } } } } } });
    expect(says(rule, { tool: 't', args: nest('y') })).toBe('allow');
    expect(says(rule, { tool: 't', args: nest('x') })).toBe('deny');
    expect(says([{ deny: 'args.a.b.c.d.e.f.g.h == 1' }], { tool: 't', args: nest({ g: { h: 2 } }) })).toBe(
      'deny',
    );
    expect(says([{ deny: 'args.n == 1' }], { tool: 't', args: { ...nest({ g: { h: 1 } }), n: 2 } })).toBe(
      'allow',
    );
  });

  it('reads no field that JavaScript gives every object', () => {
    for (const field of ['constructor', '__proto__', 'toString'])
      expect(says([{ deny: `has(args.${field})` }], { tool: 'x', args: {} })).toBe('allow');
  });

  it('cleans paths', () => {
    const rule = [{ deny: '!cleanPath(args.path).startsWith("/data/")' }];
    expect(says(rule, { tool: 'x', args: { path: '/data/./a//b' } })).toBe('allow');
    expect(says(rule, { tool: 'x', args: { path: '/data/../etc/passwd' } })).toBe('deny');
    expect(says(rule, { tool: 'x', args: { path: '\\data\\..\\etc' } })).toBe('deny');
  });
});

describe('a rule that cannot be compiled', () => {
  it.each([
    ['tool.nmae == "x"', "tool has no 'nmae': it has name, public_name, annotations"],
    ['tol.name == "x"', "there is no 'tol' here: 'tool' is near"],
    ['user == "alice"', 'user is no text; it has name, groups, method'],
    ['upstream.name == "x"', 'tenant, upstream and server are texts themselves'],
    ['tool.name', 'it is of type string, and a rule is true or false'],
    ['tool.name == 5', 'no such overload: string == int'],
    ['tool.name ==', 'Unexpected token: EOF'],
    ['args.p.matches("(")', "'(' is no expression of RE2"],
    ['args.l.exists(tool, tool == 1)', "'tool' is what is asked about"],
    ['tool.name.matches(5)', 'matches(int)'],
  ])('%s says so', (deny, problem) => {
    expect(() => setOf([{ deny }])).toThrow(problem);
  });
});
