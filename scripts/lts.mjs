// The newest Node LTS, which the `node` package on npm brings.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The major version that is the newest LTS. */
const major = 26;

const root = resolve(import.meta.dirname, '..');

/** The path of its program, installed first where it is not there yet. */
export function ltsNode() {
  const folder = join(root, '.cache', `node-${major}`);
  const node = join(folder, 'node_modules/node/bin/node');
  if (!existsSync(node)) {
    mkdirSync(folder, { recursive: true });
    runToEnd('npm', [
      'install',
      '--prefix',
      folder,
      '--no-save',
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
      `node@${major}`,
    ]);
  }
  return node;
}

/** What a program wrote; ends this process where it failed. */
export function runToEnd(program, args, { cwd, stdout = 'inherit' } = {}) {
  const result = spawnSync(program, args, { cwd, stdio: ['ignore', stdout, 'inherit'], encoding: 'utf8' });
  if (result.error || result.status !== 0) {
    const what = result.error?.message ?? `exit status ${result.status}`;
    process.stderr.write(`${program} ${args.join(' ')}: ${what}\n`);
    process.exit(1);
  }
  return result.stdout ?? '';
}
