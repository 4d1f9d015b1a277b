// The progress line of the commands, for what make runs: on a terminal alone.
import { existsSync } from 'node:fs';

const file = new URL('../dist/terminal.js', import.meta.url);

/** Where nothing is built, whoever runs says so. */
export const progress = existsSync(file) ? await onStandardError() : { show() {}, clear() {} };

async function onStandardError() {
  const { progressOn, screenOf } = await import(file);
  return progressOn(screenOf(process.stderr, process.env), (text) => process.stderr.write(text));
}
