#!/usr/bin/env node
// `npm create sallyport NAME` is `sallyport new plugin NAME`.
const run = new URL('./dist/cli/run.js', import.meta.resolve('sallyport/package.json'));
const { main } = await import(run.href);
main(['new', 'plugin', ...process.argv.slice(2)]);
