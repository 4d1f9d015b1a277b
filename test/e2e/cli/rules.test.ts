import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { sallyport } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';

const text = `
gateway:
  rules:
    - deny: tool.name == "write_file" && !args.path.startsWith("/data/")
      reason: files are written below /data
    - deny: tool.annotations.destructiveHint
  upstreams:
    files: {command: this-is-never-started}
`;

async function folderWith(file: string): Promise<string> {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'gateway.yaml'), file);
  return folder;
}

it('rules test says what is decided of a request, by which line, and ends with the status of it', async () => {
  const cwd = await folderWith(text);
  const rules = (...args: string[]) =>
    sallyport(['rules', 'test', '--config', 'gateway.yaml', ...args], { cwd });
  const gentle = ['--annotations', '{"destructiveHint": false}', '--locked'];
  const call = ['--as', 'user=ada', '--call', 'tool=write_file', ...gentle];
  const denied = await rules(...call, '--args', '{"path": "/etc/passwd"}', '--verbose');
  expect(denied).toEqual({
    status: 1,
    stderr: '',
    stdout: `deny   by gateway.yaml:4:13: files are written below /data
       write_file of the upstream files
       gateway.yaml:4:13  deny  holds
`,
  });
  const allowed = await rules(...call, '--args', '{"path": "/data/a"}', '--json');
  expect(allowed.status).toBe(0);
  expect(JSON.parse(allowed.stdout)).toMatchObject({
    decision: 'allow',
    upstream: 'files',
    rules: [{ said: 'does not hold' }, { said: 'does not hold', rule: { line: 6, column: 13 } }],
  });
  const open = await rules('--call', 'tool=write_file', '--annotations', '{"destructiveHint": false}');
  expect(open.stdout).toContain('it could not be evaluated');
  for (const wrong of [
    [],
    ['--call', 'write_file'],
    ['--as', 'user=ada'],
    ['--call', 'tool=a', '--args', '[1]'],
    ['--call', 'tool=a', '--upstream', 'web'],
  ])
    expect((await rules(...wrong)).status, wrong.join(' ')).toBe(2);
  const broken = await folderWith(text.replace('tool.name', 'tool.nmae'));
  const refused = await sallyport(['rules', 'test', '--config', 'gateway.yaml', ...call], { cwd: broken });
  expect(refused.status).toBe(3);
  expect(refused.stderr).toContain('gateway.yaml:4:18');
});

it('rules test runs the tests of the file, and fails with them', async () => {
  const cwd = await folderWith(`${text}
  rule_tests:
    - {expect: deny, tool: write_file, args: {path: /etc/passwd}}
    - {expect: allow, prompt: any}
`);
  const args = ['rules', 'test', '--config', 'gateway.yaml'];
  expect(await sallyport(args, { cwd })).toEqual({
    status: 0,
    stderr: '',
    stdout: 'passed gateway.yaml:11:7  deny\npassed gateway.yaml:12:7  allow\n2 passed, 0 failed\n',
  });
  const failing = await folderWith(`${text}
  rule_tests:
    - {expect: allow, tool: write_file, args: {path: /etc/passwd}}
`);
  const failed = await sallyport(args, { cwd: failing });
  expect(failed.status).toBe(1);
  expect(failed.stdout).toContain(
    'failed gateway.yaml:11:7  allow is expected, and deny is decided by gateway.yaml:4:13 (files are written below /data)',
  );
  const json = await sallyport([...args, '--json'], { cwd: failing });
  expect(JSON.parse(json.stdout)).toMatchObject([
    { passed: false, expect: 'allow', decision: 'deny', test: { line: 11 }, rule: { line: 4 } },
  ]);
});
