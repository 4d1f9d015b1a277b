import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { patience } from './test/support/patience.js';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/global-setup.ts'],
    // Has the timeouts: they go by the load of the machine.
    setupFiles: ['test/setup.ts'],
    expect: { poll: { timeout: patience(5_000) } },
    // Most of the time a test waits for other processes.
    maxWorkers: Math.min(2 * availableParallelism(), 16),
    // A worker keeps its modules: loading them for each file takes longer than most files do.
    isolate: false,
    reporters: process.env['CI'] ? ['default'] : ['dot'],
  },
});
