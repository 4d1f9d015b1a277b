import { vi } from 'vitest';
import { patience } from './support/patience.js';

// Before each file: the load changes while the tests run.
vi.setConfig({ testTimeout: patience(30_000), hookTimeout: patience(60_000) });
