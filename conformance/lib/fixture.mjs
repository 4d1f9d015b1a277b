import { once } from 'node:events';
import { join } from 'node:path';
import { startProgram, stopProgram, within } from '../../interop/lib/processes.mjs';
import { root } from './suite.mjs';

/** Runs `work` with the URL of a fixture of its own, so that what one run changes no other sees. */
export async function withFixture(era, work) {
  const program = startProgram(process.execPath, [join(root, 'conformance/fixture.mjs'), era], { cwd: root });
  try {
    const [line] = await within(10_000, `the ${era} fixture`, once(program.child.stdout, 'data'));
    return await work(String(line).trim());
  } finally {
    await stopProgram(program);
  }
}
