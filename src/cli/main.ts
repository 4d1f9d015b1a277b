#!/usr/bin/env node
// First, before anything that takes time.
import './no-inspector.js';
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
