#!/usr/bin/env node
/**
 * Node opens its inspector at SIGUSR1, unless somebody listens to that signal: whoever may send it would read every key
 * that this process holds, and so would whatever on this machine connects to the port. Started with `--inspect` it is
 * there, because that was asked for. First, before anything is loaded.
 */
process.on('SIGUSR1', () => {});

const argv = process.argv.slice(2);
const [only = ''] = argv;
// Nothing else is loaded for it: scripts ask often.
if (argv.length === 1 && ['version', '--version', '-V', '-v'].includes(only)) {
  const { packageVersion } = await import('../version.js');
  process.stdout.write(`${packageVersion()}\n`);
} else {
  const { noteNpm } = await import('./npm-parent.js');
  await noteNpm(process.env);
  const { main } = await import('./run.js');
  main(argv);
}
