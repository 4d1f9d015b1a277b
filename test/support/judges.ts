import { spawnSync } from 'node:child_process';
import { it } from 'vitest';

/**
 * `it` for a test that an independent program judges. On a machine without that program the test is reported as
 * skipped; where `CI` is set the program has to be there, and the test fails without it.
 */
export function judgedBy(...programs: readonly string[]) {
  const missing = programs.filter(
    (program) => spawnSync(program, ['--help'], { stdio: 'ignore' }).error !== undefined,
  );
  return it.skipIf(missing.length > 0 && !process.env['CI']);
}
