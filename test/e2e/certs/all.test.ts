import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { opensslText, opensslVerify, snapshot } from '../../pki/folders.js';
import { judgedBy } from '../../support/judges.js';
import { workplace } from './run.js';

const twoPlugins = `
plugins:
  - name: "WordFilter"
    kind: "external"
    mcp: { proto: STREAMABLEHTTP, url: "http://127.0.0.1:8000/mcp" }
  - name: "Audit"
    kind: "external"
    mcp: { proto: STREAMABLEHTTP, url: "http://127.0.0.1:8001/mcp" }
  - name: "Local"
    kind: "./local.js"
`;

describe('sallyport certs all', () => {
  judgedBy('openssl')(
    '[C1,C2,C4,C8] with the defaults: RSA 4096, 825 days, every external plugin of the default config',
    async () => {
      const { cwd, certs, path } = workplace();
      mkdirSync(path('plugins/external'), { recursive: true });
      writeFileSync(path('plugins/external/config.yaml'), twoPlugins);
      const { status, out, err } = await certs(['all']);
      expect({ status, err }).toEqual({ status: 0, err: '' });
      expect(out).toContain('plugins/external/config.yaml names 2 external plugins');
      expect(out).toMatch(
        /made {6}plugin WordFilter {2}certs\/mcp\/plugins\/WordFilter {2}server.key server.crt ca.crt\n/,
      );
      expect(out).toMatch(/Next: sallyport certs check\n$/);
      expect(Object.keys(snapshot(cwd)).filter((file) => file.endsWith('.key'))).toEqual([
        'certs/mcp/ca/ca.key',
        'certs/mcp/gateway/client.key',
        'certs/mcp/plugins/Audit/server.key',
        'certs/mcp/plugins/WordFilter/server.key',
      ]);
      const text = opensslText(path('certs/mcp/plugins/Audit/server.crt'));
      expect(text).toContain('Public-Key: (4096 bit)');
      expect(text).toContain('Signature Algorithm: sha256WithRSAEncryption');
      const dates = [...text.matchAll(/Not (?:Before|After ): (.*)/g)].map((match) =>
        Date.parse(match[1] ?? ''),
      );
      expect((dates[1] ?? 0) - (dates[0] ?? 0)).toBe(825 * 86_400_000 - 1000);
      const ca = path('certs/mcp/ca/ca.crt');
      expect(opensslVerify(ca, path('certs/mcp/gateway/client.crt'), 'sslclient')).toBe('OK');
      expect(opensslVerify(ca, path('certs/mcp/plugins/Audit/server.crt'), 'sslserver')).toBe('OK');
    },
  );

  judgedBy('openssl')(
    '[C2,C6] the variables choose config, days, key type, names and trust domain; an empty one is unset',
    async () => {
      const { certs, path } = workplace();
      writeFileSync(path('mine.yaml'), twoPlugins);
      const env = {
        MCP_PLUGIN_CONFIG: 'mine.yaml',
        MCP_CERT_DAYS: '30',
        MCP_CERT_KEY: 'ec-p384',
        MCP_CERT_SANS: 'IP:127.0.0.1,DNS:localhost',
        MCP_CERT_TRUST_DOMAIN: 'example.org',
      };
      expect((await certs(['all'], { env })).status).toBe(0);
      const text = opensslText(path('certs/mcp/plugins/WordFilter/server.crt'));
      expect(text).toContain('(384 bit)');
      expect(text).toContain(
        'DNS:WordFilter, DNS:mcp-plugin-WordFilter, DNS:localhost, URI:spiffe://example.org/plugin/WordFilter, IP Address:127.0.0.1\n',
      );
      const empty = Object.fromEntries(Object.keys(env).map((name) => [name, '']));
      const { status, out } = await certs(['all', '--key', 'ec-p256', '--dir', 'other'], { env: empty });
      expect(status).toBe(0);
      expect(out).toContain('There is no plugins/external/config.yaml');
      expect(opensslText(path('other/gateway/client.crt'))).toContain('spiffe://sallyport.local/gateway');
    },
  );

  it('[C2] an option wins over its variable', async () => {
    const { certs } = workplace();
    const env = { MCP_CERT_DAYS: 'nonsense', MCP_CERT_KEY: 'nonsense' };
    const { status, out } = await certs(['ca', '--key', 'ed25519', '--days', '2', '--json'], { env });
    expect(status).toBe(0);
    const [ca] = JSON.parse(out).results;
    expect(Date.parse(ca.notAfter) - Date.parse(ca.notBefore)).toBe(2 * 86_400_000 - 1000);
  });

  judgedBy('openssl')('[C3] without a config it makes two examples and says so', async () => {
    const { certs, path } = workplace();
    const { status, out } = await certs(['all', '--key', 'ec-p256']);
    expect(status).toBe(0);
    expect(out).toContain(
      'There is no plugins/external/config.yaml: making certificates for example-plugin-a and example-plugin-b',
    );
    const ca = path('certs/mcp/ca/ca.crt');
    for (const name of ['example-plugin-a', 'example-plugin-b']) {
      expect(opensslVerify(ca, path('certs/mcp/plugins', name, 'server.crt'), 'sslserver')).toBe('OK');
    }
  });

  it.each([
    ['plugins: [', 'a syntax error'],
    ['other: 1\n', 'no plugin list'],
    ['plugins: 7\n', 'a number for a list'],
    ['', 'an empty file'],
    [
      'plugins:\n  - kind: external\n    mcp: {proto: STREAMABLEHTTP, url: "http://a/mcp"}\n',
      'a plugin without a name',
    ],
    [
      'plugins:\n  - {name: "../../evil", kind: external, mcp: {proto: STREAMABLEHTTP, url: "http://a/mcp"}}\n',
      'a bad name',
    ],
    [
      'plugins:\n  - {name: "One", kind: external, mcp: {proto: STREAMABLEHTTP, url: "http://a/mcp"}}\n' +
        '  - {name: "oNE", kind: external, mcp: {proto: STREAMABLEHTTP, url: "http://b/mcp"}}\n',
      'two names that differ in letter case',
    ],
  ])('[C3,C9] a config that cannot be used is an error, and nothing is made: %j (%s)', async (yaml) => {
    const { cwd, certs, path } = workplace();
    writeFileSync(path('config.yaml'), yaml);
    const { status, out, err } = await certs(['all', '--config', 'config.yaml', '--key', 'ec-p256']);
    expect(status).toBeGreaterThanOrEqual(2);
    expect(out).toBe('');
    expect(err).toMatch(/^error SALLY_\w+\n {2}.+\n[\s\S]* {2}→ .+/);
    expect(err).not.toMatch(/\n\s+at |SALLY_INTERNAL/);
    expect(Object.keys(snapshot(cwd))).toEqual(['config.yaml']);
  });

  it('[C3] a folder in place of the config is an error', async () => {
    const { cwd, certs, path } = workplace();
    mkdirSync(path('config.yaml'));
    expect((await certs(['all', '--config', 'config.yaml'])).status).toBe(3);
    expect(snapshot(cwd)).toEqual({});
  });

  it('[C4,C5] every step is kept by the next one, and --json says what was done', async () => {
    const { certs, path } = workplace();
    const outcomes = async (...args: string[]) => {
      const { status, out } = await certs([...args, '--key', 'ec-p256', '--json']);
      expect(status).toBe(0);
      return JSON.parse(out).results.map((result: { outcome: string }) => result.outcome);
    };
    expect(await outcomes('ca')).toEqual(['made']);
    const ca = readFileSync(path('certs/mcp/ca/ca.crt'), 'utf8');
    expect(await outcomes('gateway')).toEqual(['kept', 'made']);
    expect(await outcomes('plugin', 'One')).toEqual(['kept', 'made']);
    expect(await outcomes('ca')).toEqual(['kept']);
    expect(readFileSync(path('certs/mcp/ca/ca.crt'), 'utf8')).toBe(ca);
  });
});
