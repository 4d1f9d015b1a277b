// Runs a script on the newest Node LTS: node scripts/on-lts.mjs SCRIPT [ARG…]
import { spawnSync } from 'node:child_process';
import { ltsNode, runToEnd } from './lts.mjs';

const node = ltsNode();
console.log(`On Node ${runToEnd(node, ['--version'], { stdout: 'pipe' }).trim()}:`);
process.exitCode = spawnSync(node, process.argv.slice(2), { stdio: 'inherit' }).status ?? 1;
