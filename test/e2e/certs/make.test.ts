import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect } from 'vitest';
import { run } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { judgedBy } from '../../support/judges.js';
import { patience } from '../../support/patience.js';

const root = resolve(import.meta.dirname, '../../..');

judgedBy('make')(
  'the make targets renew, revoke and replace the CA',
  { timeout: patience(90_000) },
  async () => {
    const cwd = await temporaryFolder();
    for (const name of ['Makefile', 'dist', 'node_modules', 'package.json', 'package-lock.json', 'src'])
      symlinkSync(join(root, name), join(cwd, name));
    const make = async (...args: string[]) => {
      const outcome = await run('make', ['--assume-old=dist/.built', ...args], { cwd });
      expect(outcome, outcome.stderr).toMatchObject({ status: 0 });
      return outcome.stdout;
    };
    const plugin = join(cwd, 'certs/mcp/plugins/One/server.crt');
    const days = () => {
      const { validTo } = new X509Certificate(readFileSync(plugin));
      return Math.round((Date.parse(validTo) - Date.now()) / 86_400_000);
    };
    await make('certs-mcp-ca', 'MCP_CERT_KEY=ec-p256');
    await make('certs-mcp-plugin', 'PLUGIN_NAME=One', 'MCP_CERT_DAYS=90', 'MCP_CERT_KEY=ec-p256');
    expect(await make('certs-mcp-renew')).toContain('kept     plugin One');
    await make('certs-mcp-revoke', 'PLUGIN_NAME=One');
    const forced = await run(process.execPath, ['dist/cli/main.js', 'certs', 'renew', 'One', '--force'], {
      cwd,
    });
    expect(forced.status).toBe(0);
    await make('certs-mcp-crl');
    expect(await make('certs-mcp-ca-rotate-prepare')).toContain('make certs-mcp-ca-rotate-activate');
    await make('certs-mcp-ca-rotate-activate');
    // The default of MCP_CERT_DAYS is for new certificates, not for those that follow one.
    expect(days()).toBe(90);
    await make('certs-mcp-ca-rotate-undo');
    await make('certs-mcp-ca-rotate-activate', 'MCP_CERT_DAYS=30');
    expect(days()).toBe(30);
    expect(await make('certs-mcp-ca-rotate-status')).toContain('make certs-mcp-ca-rotate-retire');
    await make('certs-mcp-ca-rotate-retire');
    expect(readdirSync(join(cwd, 'certs/mcp/ca')).sort()).toEqual(['ca.crl', 'ca.crt', 'ca.key']);
  },
);
