// Runs a script on the newest Node LTS, which the `node` package on npm brings: node scripts/on-lts.mjs SCRIPT [ARG…]
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The major version that is the newest LTS. */
const major = 26;

const folder = resolve('.cache', `node-${major}`);
const node = join(folder, 'node_modules/node/bin/node');

if (!existsSync(node)) {
  mkdirSync(folder, { recursive: true });
  run('npm', [
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
console.log(`On Node ${run(node, ['--version'], 'pipe').trim()}:`);
process.exitCode = spawnSync(node, process.argv.slice(2), { stdio: 'inherit' }).status ?? 1;

function run(program, args, stdout = 'inherit') {
  const {
    status,
    error,
    stdout: output,
  } = spawnSync(program, args, { stdio: ['ignore', stdout, 'inherit'], encoding: 'utf8' });
  if (error || status !== 0) {
    console.error(`${program} ${args.join(' ')}: ${error?.message ?? `exit status ${status}`}`);
    process.exit(1);
  }
  return output ?? '';
}
