import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { makeFixtureCerts } from './support/certs.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** The folder that `makeFixtureCerts` filled. */
    certs: string;
  }
}

/** Certificates are made once for a run: real ones, with EC keys. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (!existsSync('dist/cli/main.js')) throw new Error('dist/ is missing: make build');
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-test-'));
  await makeFixtureCerts(folder);
  project.provide('certs', folder);
  return () => rm(folder, { recursive: true, force: true });
}
