import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parseConfig } from '../../src/config/index.js';
import { silentLogger } from '../../src/log.js';
import { openPluginManager } from '../../src/manager/index.js';
import { temporaryFolder } from '../support/folder.js';

/** Starts a plugin whose module is `source`, which has a twentieth of a second for each part. */
async function startOf(source: string) {
  const cwd = await temporaryFolder();
  await writeFile(join(cwd, 'plugin.mjs'), source);
  const text = 'plugins: [{ name: P, kind: ./plugin.mjs }]';
  const options = { path: join(cwd, 'p.yaml'), cwd, env: {}, side: 'server', exists: () => true } as const;
  return openPluginManager(parseConfig(text, options), { log: silentLogger, startWithinMs: 50 });
}

it('[S9] a module whose top level does not end is an error', async () => {
  await expect(startOf('await new Promise(() => {});\n')).rejects.toMatchObject({
    code: 'SALLY_PLUGIN_MODULE',
    message: expect.stringContaining('has not loaded within 0.05 s'),
  });
});

it('[S9] a setup that does not end is an error', async () => {
  await expect(startOf('export default { setup: () => new Promise(() => {}) };\n')).rejects.toMatchObject({
    code: 'SALLY_PLUGIN_SETUP',
    message: "plugin 'P' cannot be set up: it has not ended within 0.05 s",
  });
});
