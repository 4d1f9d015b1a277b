import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parseConfig } from '../../src/config/index.js';
import { silentLogger } from '../../src/log.js';
import { openPluginManager } from '../../src/manager/index.js';
import { logTo } from '../plugin/started.js';
import { temporaryFolder } from '../support/folder.js';
import { patience } from '../support/patience.js';

/** Starts a plugin whose module is `source`, which has a twentieth of a second for each part. */
async function startOf(source: string, startWithinMs = 50, log = silentLogger) {
  const cwd = await temporaryFolder();
  await writeFile(join(cwd, 'plugin.mjs'), source);
  const text = 'plugins: [{ name: P, kind: ./plugin.mjs }]';
  const options = { path: join(cwd, 'p.yaml'), cwd, env: {}, side: 'server', exists: () => true } as const;
  return openPluginManager(parseConfig(text, options), { log, startWithinMs });
}

it('[S9] a module whose top level does not end is an error', async () => {
  await expect(startOf('await new Promise(() => {});\n')).rejects.toMatchObject({
    code: 'SALLY_PLUGIN_MODULE',
    message: expect.stringContaining('has not loaded within 0.05 s'),
  });
});

it('[S9] a setup that does not end is an error', async () => {
  const source = 'export default { setup: () => new Promise(() => {}) };\n';
  // Its module has to load within that time too.
  await expect(startOf(source, patience(1_000))).rejects.toMatchObject({
    code: 'SALLY_PLUGIN_SETUP',
    message: expect.stringContaining("plugin 'P' cannot be set up: it has not ended within"),
  });
});

it.each([
  ['rejects', 'async () => { throw why; }'],
  ['throws', '() => { throw why; }'],
])('[S9] a close() that %s is logged with its causes, and closes', async (_title, close) => {
  const lines: string[] = [];
  const source = `const why = new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED ::1:9') });
export default { setup: () => ({ hooks: { tool_pre_invoke: () => undefined }, close: ${close} }) };\n`;
  const manager = await startOf(source, 10_000, logTo(lines));
  await manager.close();
  await manager.close();
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(
    /"level":40.*plugin 'P': its close\(\) failed: fetch failed: connect ECONNREFUSED ::1:9/i,
  );
});
