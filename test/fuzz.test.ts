import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { run } from './support/command.js';
import { patience } from './support/patience.js';

/** As many as a target takes to begin, and some tenths of a second for inputs. */
const seconds = 8;

it(
  'what once went wrong stays right, and so does what a hostile peer makes up in some seconds',
  async () => {
    const script = resolve(import.meta.dirname, '../fuzz/run.mjs');
    const { status, stdout, stderr } = await run(process.execPath, [
      script,
      '--seconds',
      String(seconds),
      '--seed',
      '7',
    ]);
    // The same inputs each time, as far as the time reaches: a change is judged by what it does. `make fuzz` takes others.
    expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: '' });
  },
  patience(240_000),
);
