import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import type { TestProject } from 'vitest/node';
import { makeFixtureCerts } from './support/certs.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** The folder that `makeFixtureCerts` filled. */
    certs: string;
  }
}

/** Certificates are made once for a run, real ones with EC keys; and the command is on the PATH. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (!existsSync('dist/cli/main.js')) throw new Error('dist/ is missing: make build');
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-test-'));
  await makeFixtureCerts(folder);
  project.provide('certs', folder);
  // As after a global install: what is printed to be run next begins with the name of the command alone.
  await mkdir(join(folder, 'bin'));
  await chmod('dist/cli/main.js', 0o755);
  await symlink(resolve('dist/cli/main.js'), join(folder, 'bin/sallyport'));
  process.env['PATH'] = `${join(folder, 'bin')}${delimiter}${process.env['PATH']}`;
  return () => rm(folder, { recursive: true, force: true });
}
