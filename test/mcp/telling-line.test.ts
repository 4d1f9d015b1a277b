import { expect, it } from 'vitest';
import { tellingLine } from '../../src/mcp/client/child.js';

it.each([
  [
    'node',
    [
      'node:internal/modules/cjs/loader:1210',
      '  throw err;',
      '',
      "Error: Cannot find module '/srv/nope.mjs'",
      '    at Module._resolveFilename (node:internal/modules/cjs/loader:1207:15) {',
      "  code: 'MODULE_NOT_FOUND'",
      '}',
      'Node.js v20.20.2',
    ],
    "Error: Cannot find module '/srv/nope.mjs'",
  ],
  [
    'python',
    ['Traceback (most recent call last):', '  import nope', "ModuleNotFoundError: No module named 'nope'"],
    "ModuleNotFoundError: No module named 'nope'",
  ],
  ['go', ['panic: no token', '', 'goroutine 1 [running]:', 'exit status 2'], 'panic: no token'],
  ['words of its own', ['starting', 'API_KEY is not set'], 'API_KEY is not set'],
  ['nothing', [], undefined],
])('what a program said as it died: %s', (_, lines, telling) => {
  expect(tellingLine(lines)).toBe(telling);
});
