#!/usr/bin/env node
import { packageVersion } from '../version.js';

const argv = process.argv.slice(2);
const [only = ''] = argv;
// Nothing else is loaded for it: scripts ask often.
if (argv.length === 1 && ['version', '--version', '-V', '-v'].includes(only)) {
  process.stdout.write(`${packageVersion()}\n`);
} else {
  const { main } = await import('./run.js');
  main(argv);
}
