import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { configurationInForce, loadGatewayConfig } from '../../src/config/index.js';
import { temporaryFolder } from '../support/folder.js';

/** What is shown of a file, and of a list of servers, as text. */
async function shown(text: string, env: Record<string, string> = {}, servers?: object): Promise<string> {
  const folder = await temporaryFolder();
  const options = { config: join(folder, 'gateway.yaml'), cwd: folder, env, home: folder };
  await writeFile(options.config, text);
  const list = join(folder, 'servers.json');
  if (servers) await writeFile(list, JSON.stringify({ mcpServers: servers }));
  const loaded = await loadGatewayConfig({ ...options, ...(servers && { servers: list }) });
  return configurationInForce(loaded, options);
}

const hidden = '(hidden)';

describe('the configuration in force', () => {
  it('has what the file says, and the defaults of what it does not say', async () => {
    const text = await shown('gateway: {failures: full, upstreams: {files: {command: node, timeout: 7}}}');
    expect(parse(text)).toMatchObject({
      plugin_settings: { plugin_timeout: 30, plugin_away_after: 3 },
      gateway: {
        host: '127.0.0.1',
        port: 4444,
        auth: 'none',
        failures: 'full',
        limits: { concurrent_calls: 1000 },
        upstreams: { files: { command: 'node', timeout: 7, prefix: 'auto' } },
      },
    });
  });

  it('hides every secret, wherever one may stand', async () => {
    const env = { TEAM: 'Sesame-1', GITHUB_TOKEN: 'Sesame-2', REGION: 'Sesame-3', OAUTH: 'Sesame-12' };
    const text = await shown(
      `
plugins:
  - name: Scanner
    kind: ./scanner.js
    config:
      api_key: Sesame-4
      endpoint: https://ada:Sesame-5@scan.example/v1?token=Sesame-6
      nested: {password: Sesame-7, list: [{secret: Sesame-8}], region: "{{ env.REGION }}"}
      drawn: sk1ab2cd3ef4gh5ij6kl7mn8Sesame
gateway:
  proxy: {url: "http://proxy.example:3128", user: Sesame-9, password: Sesame-10}
  upstreams:
    github:
      url: https://github.example/mcp
      headers: {Authorization: Bearer Sesame-11, X-Team: "{{ env.TEAM }}"}
    hosted:
      url: https://mcp.example/s/sk1ab2cd3ef4gh5ij6kl7mn8Sesame/mcp
      oauth: {client_id: app, client_secret: "{{ env.OAUTH }}"}
    files:
      command: node
      args: [server.js, --token, Sesame-13, "--api-key=Sesame-14", "DB_PASSWORD=Sesame-15", "{{ env.GITHUB_TOKEN }}",
        "postgres://me:Sesame-16@db/x", -H, "Authorization: Sesame-17", "X-Api-Key: Sesame-18"]
      env: {PLAIN: Sesame-19}
`,
      env,
      { listed: { command: 'npx', args: ['-y', 'server', 'Sesame-20'], env: { A: 'Sesame-21' } } },
    );
    expect(text).not.toContain('Sesame');
    const { plugins, gateway } = parse(text);
    expect(plugins[0].config).toMatchObject({
      api_key: hidden,
      endpoint: `https://${hidden}@scan.example/v1?${hidden}`,
      nested: { password: hidden, region: hidden },
    });
    expect(gateway.upstreams.hosted.url).toBe(`https://mcp.example/s/${hidden}/mcp`);
    expect(gateway.upstreams.github.headers).toEqual({ Authorization: hidden, 'X-Team': hidden });
    expect(gateway.upstreams.files.args.slice(0, 4)).toEqual([
      'server.js',
      '--token',
      hidden,
      `--api-key=${hidden}`,
    ]);
    expect(gateway.upstreams.files.env).toEqual({ PLAIN: hidden });
    expect(gateway.upstreams.listed).toEqual({ command: 'npx', args: hidden });
  });

  it('has what variables override', async () => {
    const text = await shown(
      `
plugins:
  - {name: Guard, kind: external, mcp: {url: "https://guard.example/mcp", tls: {ca_bundle: ca.crt}}}
gateway: {upstreams: {files: {command: node}}}
`,
      {
        PLUGINS_CLIENT_MTLS_CERTFILE: '/etc/pki/client.crt',
        PLUGINS_CLIENT_MTLS_KEYFILE: '/etc/pki/client.key',
        PLUGINS_CLIENT_MTLS_KEYFILE_PASSWORD: 'Sesame',
      },
    );
    expect(parse(text).plugins[0].mcp.tls).toMatchObject({
      certfile: '/etc/pki/client.crt',
      keyfile_password: hidden,
      verify: true,
    });
    expect(text).not.toContain('Sesame');
  });
});
