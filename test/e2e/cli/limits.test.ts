import { expect, it } from 'vitest';
import { commandPath, run } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';

it('takes a limit of open files for what it is, and is well where the limit is raised as the remedy says', async () => {
  const cwd = await temporaryFolder();
  const under = (limit: number) =>
    run(
      'sh',
      ['-c', `ulimit -n ${limit} && exec "$0" "$@"`, process.execPath, commandPath, 'certs', 'check'],
      {
        cwd,
      },
    );
  const { status, stderr } = await under(29);
  expect(status).toBe(3);
  expect(stderr).toMatch(/^error SALLY_SYSTEM_LIMIT\n {2}this process may open no more files/);
  expect(stderr).toContain('→ raise its limit: ulimit -n');
  expect(stderr).not.toMatch(/SALLY_INTERNAL|defect/);
  expect((await under(1_024)).stderr).toContain('SALLY_CERTS_MISSING');
});
