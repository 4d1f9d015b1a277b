import { describe, expect, it } from 'vitest';
import { callerOf } from '../../src/cli/rules-caller.js';
import { parseConfig } from '../../src/config/index.js';
import { decidedBy, RuleTrial } from '../../src/gateway/index.js';
import type { RuleRequest } from '../../src/policy/index.js';

const two = `
  upstreams:
    files: {command: npx, exclude: [format_*]}
    memory: {command: npx}
`;

async function trialOf(block: string): Promise<RuleTrial> {
  const options = {
    path: 'gateway.yaml',
    cwd: '/srv',
    env: {},
    side: 'gateway',
    exists: () => true,
  } as const;
  const { gateway } = parseConfig(`gateway:\n${block}`, options);
  if (gateway === undefined) throw new Error('no gateway');
  return RuleTrial.of(gateway);
}

async function says(
  block: string,
  { args = {}, listed = false, ...request }: RuleRequest & { listed?: boolean },
): Promise<string> {
  const tried = (await trialOf(block)).try({ ...request, ...(!listed && { args }) });
  return 'problem' in tried ? tried.problem : decidedBy(tried);
}

describe('a request that is tried', () => {
  const rules = `
  rules:
    - deny: upstream == "files" && tool.name == "write" && args.path.startsWith("/etc")
      reason: not there
    - ask: tool.public_name == "memory__forget"
    - deny: resource.uri.startsWith("file:///etc/")
${two}`;

  it.each<[RuleRequest, string]>([
    [{ tool: 'files__write', args: { path: '/etc/a' } }, 'deny is decided by gateway.yaml:4:13 (not there)'],
    [
      { tool: 'write', upstream: 'files', args: { path: '/etc/a' } },
      'deny is decided by gateway.yaml:4:13 (not there)',
    ],
    [
      { tool: 'files__write', args: {} },
      'deny is decided by gateway.yaml:4:13 (not there): it could not be evaluated: No such key: path',
    ],
    [
      { tool: 'memory__write', args: { path: '/etc/a' } },
      'allow is decided: no rule holds, and rules_default counts',
    ],
    [{ tool: 'memory__forget' }, 'ask is decided by gateway.yaml:6:12'],
    [{ tool: 'write' }, "the tool 'write' may be at any of these upstreams: files, memory; say at which"],
    [{ tool: 'write', upstream: 'web' }, "there is no upstream 'web' (there is: files, memory)"],
    [{ tool: 'files__write', server: 'x' }, "there is no virtual server 'x' in gateway.servers"],
    [
      { tool: 'files__format_disk' },
      'deny is decided: include, exclude or tools of the upstream files hide it',
    ],
    [{ resource: 'sallyport://files/file:///srv/../etc/x' }, 'deny is decided by gateway.yaml:7:13'],
    [
      { resource: 'file:///etc/x' },
      "the resource 'file:///etc/x' may be at any of these upstreams: files, memory; say at which",
    ],
  ])('%j: %s', async (request, expected) => {
    expect(await says(rules, request)).toBe(expected);
  });

  it('hides nothing by a rule on arguments in a list, and says which rule allows it', async () => {
    const allowing = `
  rules:
    - allow: tool.name == "write" && args.path.startsWith("/data/")
${two}`;
    expect(await says(allowing, { tool: 'files__write', listed: true })).toBe(
      'allow is decided by gateway.yaml:4:14: it is about arguments, which nobody knows in a list',
    );
    expect(await says(allowing, { tool: 'files__read', listed: true })).toContain('deny is decided:');
  });

  it('is of the authentication of the gateway, where it does not say otherwise', async () => {
    const block = `
  auth: {kind: bearer, tokens_file: t.json}
  rules: [{allow: user.method == "bearer"}]
${two}`;
    expect(await says(block, { tool: 'files__a', user: 'ada' })).toContain('allow');
    expect(await says(block, { tool: 'files__a', user: 'ada', authMethod: 'plugin' })).toContain('deny');
    expect(await says(block, { tool: 'files__a' })).toContain('deny');
  });

  it('is about what a virtual server offers, under the names that it has there', async () => {
    const block = `
  servers:
    ops: {tools: [{name: files__write, as: save}, memory__*]}
  rules: [{deny: tool.name == "write" && server == "ops"}]
${two}`;
    expect(await says(block, { tool: 'save', server: 'ops' })).toBe('deny is decided by gateway.yaml:5:18');
    expect(await says(block, { tool: 'files__write' })).toContain('allow');
    expect(await says(block, { tool: 'files__read', server: 'ops' })).toBe(
      'deny is decided: the virtual server ops does not offer it',
    );
  });
});

describe('the rules of a virtual server', () => {
  const block = `
  servers:
    ops:
      tools: [files__*]
      rules:
        - allow: tool.name == "read"
        - deny: tool.name == "wipe"
    all: {tools: ['*']}
  rules:
    - deny: tool.name == "write"
    - ask: tool.name == "read" && args.path == "/etc"
${two}`;

  it.each<[string, string | undefined, string]>([
    ['read', 'ops', 'allow is decided by gateway.yaml:7:18'],
    ['write', 'ops', 'deny is decided by gateway.yaml:11:13'],
    ['wipe', 'ops', 'deny is decided by gateway.yaml:8:17'],
    ['other', 'ops', 'deny is decided: no rule allows it, and rules_default counts'],
    ['wipe', 'all', 'allow is decided: no rule holds, and rules_default counts'],
    ['wipe', undefined, 'allow is decided: no rule holds, and rules_default counts'],
  ])('count beside those of the gateway: %s at %s', async (tool, server, expected) => {
    const request = { tool: `files__${tool}`, args: { path: '/' }, ...(server !== undefined && { server }) };
    expect(await says(block, request)).toBe(expected);
  });

  it('allow nothing for which the gateway asks somebody', async () => {
    const request = { tool: 'files__read', args: { path: '/etc' }, server: 'ops' };
    expect(await says(block, request)).toBe('ask is decided by gateway.yaml:12:12');
  });
});

describe('the tests of a file', () => {
  it('say which fails, and what was decided by which rule', async () => {
    const trial = await trialOf(`
  rules:
    - deny: tool.name == "write" && !("ops" in user.groups)
  rule_tests:
    - {expect: deny, tool: files__write}
    - {expect: deny, tool: files__write, groups: [ops]}
    - {expect: allow, tool: files__write, user: ada}
    - {expect: allow, tool: write}
    - {expect: allow, method: logging/setLevel}
${two}`);
    expect(trial.tests().map(({ problem = 'passed' }) => problem)).toEqual([
      'passed',
      'deny is expected, and allow is decided: no rule holds, and rules_default counts',
      'allow is expected, and deny is decided by gateway.yaml:4:13',
      "the tool 'write' may be at any of these upstreams: files, memory; say at which",
      'passed',
    ]);
  });
});

describe('--as', () => {
  it('says who asks, with commas in values, groups, and claims by their path', () => {
    expect(
      callerOf([
        'user=Lovelace, Ada,group=a,groups=b,tenant=t',
        'claims.level=5,claims.realm.roles=["x","y"],claims.realm.name=z,client=c,method=jwt',
      ]),
    ).toEqual({
      user: 'Lovelace, Ada',
      groups: ['a', 'b'],
      tenant: 't',
      client: 'c',
      authMethod: 'jwt',
      claims: { level: 5, realm: { roles: ['x', 'y'], name: 'z' } },
    });
    expect(() => callerOf(['name=ada'])).toThrow("--as 'name=ada' is none of user");
    expect(() => callerOf(['user=ada', 'user=bob'])).toThrow('--as says user twice');
    callerOf(['claims.__proto__.x=1']);
    expect({}).not.toHaveProperty('x');
  });
});
