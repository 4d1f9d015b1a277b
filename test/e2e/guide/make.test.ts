import { existsSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import { cp, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect } from 'vitest';
import { run } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { judgedBy } from '../../support/judges.js';

const root = resolve(import.meta.dirname, '../../..');

/** A clone in which `make` does what it does in this one, with certificates and plugin files of its own. */
async function clone() {
  const folder = await temporaryFolder();
  for (const name of ['Makefile', 'dist', 'node_modules', 'package.json', 'package-lock.json', 'src']) {
    symlinkSync(join(root, name), join(folder, name));
  }
  await cp(join(root, 'plugins'), join(folder, 'plugins'), { recursive: true });
  const make = (...args: string[]) => run('make', ['--assume-old=dist/.built', ...args], { cwd: folder });
  return { folder, make, certs: (path: string) => join(folder, 'certs/mcp', path) };
}

const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
const quick = 'MCP_CERT_KEY=ec-p256';

judgedBy('make')(
  '[C1,C2,C4,C5,C6,C7] the five targets, with the layout and permissions of the guide',
  async () => {
    const { make, certs } = await clone();
    expect(await make('certs-mcp-all', quick)).toMatchObject({ status: 0, stderr: '' });
    expect(readdirSync(certs('ca')).sort()).toEqual(['ca.crt', 'ca.key']);
    expect(readdirSync(certs('gateway')).sort()).toEqual([
      'ca.crt',
      'client.crt',
      'client.key',
      'client.pem',
    ]);
    expect(readdirSync(certs('plugins'))).toEqual(['ReplaceBadWordsPlugin']);
    expect(readdirSync(certs('plugins/ReplaceBadWordsPlugin')).sort()).toEqual([
      'ca.crt',
      'server.crt',
      'server.key',
    ]);
    expect([
      mode(certs('ca/ca.key')),
      mode(certs('gateway/client.key')),
      mode(certs('gateway/client.pem')),
    ]).toEqual(['600', '600', '600']);
    expect([mode(certs('ca/ca.crt')), mode(certs('gateway/client.crt'))]).toEqual(['644', '644']);
    expect(
      await make('certs-mcp-plugin', 'PLUGIN_NAME=MyCustomPlugin', 'MCP_CERT_DAYS=365', quick),
    ).toMatchObject({ status: 0 });
    const check = await make('certs-mcp-check');
    expect(check).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/MyCustomPlugin: .* GMT +36[45] days left +ok/),
    });
  },
);

judgedBy('make')('[C6] certs-mcp-plugin without PLUGIN_NAME shows the usage', async () => {
  const { make, folder } = await clone();
  const { status, stderr } = await make('certs-mcp-plugin');
  expect(status).not.toBe(0);
  expect(stderr).toContain('make certs-mcp-plugin PLUGIN_NAME=');
  expect(existsSync(join(folder, 'certs'))).toBe(false);
});

judgedBy('make')('[C2,C3] MCP_PLUGIN_CONFIG names the config', async () => {
  const { make, folder, certs } = await clone();
  await writeFile(
    join(folder, 'own.yaml'),
    'plugins: [{name: Own, kind: external, mcp: {proto: STREAMABLEHTTP, url: "https://localhost:1/mcp"}}]\n',
  );
  expect(await make('certs-mcp-all', 'MCP_PLUGIN_CONFIG=own.yaml', quick)).toMatchObject({ status: 0 });
  expect(readdirSync(certs('plugins'))).toEqual(['Own']);
  await writeFile(join(folder, 'broken.yaml'), 'plugins: [\n');
  expect((await make('certs-mcp-all', 'MCP_PLUGIN_CONFIG=broken.yaml', quick)).status).not.toBe(0);
});

judgedBy('make')('make help lists every target', async () => {
  const { make } = await clone();
  const { stdout } = await make('help');
  for (const target of [
    'demo',
    'test',
    'build',
    'bench',
    'clean',
    'certs-mcp-all',
    'certs-mcp-ca',
    'certs-mcp-gateway',
    'certs-mcp-plugin',
    'certs-mcp-check',
  ]) {
    expect(stdout).toContain(`make ${target} `);
  }
});
