import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { sallyport } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';

/** What the doctor says of the tests of a gateway's rules. */
async function doctor(tests: readonly string[]) {
  const cwd = await temporaryFolder();
  const lines = [
    'gateway:',
    '  upstreams: {one: {command: this-is-never-started}}',
    '  rules:',
    '    - deny: tool.name == "write"',
    '      reason: read only',
    '  rule_tests:',
    ...tests.map((test) => `    - ${test}`),
  ];
  await writeFile(join(cwd, 'gateway.yaml'), `${lines.join('\n')}\n`);
  const { stdout } = await sallyport(['doctor', 'gateway.yaml', '--json', '--timeout', '30'], { cwd });
  const { checks } = JSON.parse(stdout) as {
    checks: { id: string; status: string; seen: string; code?: string }[];
  };
  return checks
    .filter(({ id }) => id === 'rule-tests')
    .map(({ status, seen, code }) => [status, seen, ...(code === undefined ? [] : [code])]);
}

it('tests of rules that pass are well', async () => {
  expect(await doctor(['{expect: deny, tool: write}', '{expect: allow, tool: read}'])).toEqual([
    ['ok', 'tests that pass: 2'],
  ]);
});

it('each test of rules that fails is said to be a failure, with its line and that of the rule', async () => {
  expect(
    await doctor(['{expect: allow, tool: write}', '{expect: allow, tool: x}', '{expect: ask, tool: read}']),
  ).toEqual([
    [
      'fail',
      'the test of the rules at gateway.yaml:7:7 fails: allow is expected, and deny is decided by gateway.yaml:4:13 (read only)',
      'SALLY_RULE_TEST',
    ],
    [
      'fail',
      'the test of the rules at gateway.yaml:9:7 fails: ask is expected, and allow is decided: no rule holds, and rules_default counts',
      'SALLY_RULE_TEST',
    ],
  ]);
});
