// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are references, not templates
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadGatewayConfig } from '../../src/config/index.js';
import { plainJson } from '../../src/config/servers-list.js';
import { ConfigInvalid, ConfigNoUpstreams, FileUnreadable } from '../../src/errors.js';
import { temporaryFolder } from '../support/folder.js';
import { listed } from './helpers.js';

interface Files {
  readonly servers?: string | object;
  readonly config?: string;
  readonly env?: Record<string, string>;
}

async function load({ servers, config, env = {} }: Files) {
  const cwd = await temporaryFolder();
  await mkdir(cwd, { recursive: true });
  const text = typeof servers === 'object' ? JSON.stringify(servers) : servers;
  if (text !== undefined) await writeFile(join(cwd, '.mcp.json'), text);
  if (config !== undefined) await writeFile(join(cwd, 'g.yaml'), config);
  return loadGatewayConfig({
    ...(text !== undefined && { servers: '.mcp.json' }),
    ...(config !== undefined && { config: 'g.yaml' }),
    cwd,
    env,
    home: '/home/me',
  });
}

async function wrong(files: Files): Promise<string[]> {
  const error = await load(files).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return listed(error).map((line) => line.replace('.mcp.json:', ''));
}

describe('[M29] a list of servers', () => {
  it('of a desktop client becomes upstreams, with the defaults of a gateway', async () => {
    const { gateway, plugins } = await load({
      servers: {
        mcpServers: {
          filesystem: {
            command: 'npx',
            args: ['-y', '@modelcontextprotocol/server-filesystem', '/data'],
            env: { LEVEL: 'debug' },
            autoApprove: ['read_file'],
          },
          remote: { type: 'http', url: 'https://mcp.example/mcp', headers: { 'X-Team': 'a' } },
          windsurf: { serverUrl: 'https://w.example/mcp' },
          off: { command: 'never', env: { KEY: '${NOT_SET}' }, disabled: true },
        },
      },
    });
    expect(plugins).toEqual([]);
    expect(gateway).toMatchObject({ host: '127.0.0.1', port: 4444, auth: { kind: 'none' } });
    expect(gateway.upstreams).toMatchObject([
      { name: 'filesystem', transport: 'stdio', command: 'npx', env: { LEVEL: 'debug' }, timeoutMs: 60_000 },
      { name: 'remote', transport: 'http', headers: { 'x-team': 'a' } },
      { name: 'windsurf', transport: 'http', url: new URL('https://w.example/mcp') },
    ]);
  });

  it('of an editor may have comments, trailing commas and tabs', async () => {
    const { gateway } = await load({
      servers:
        '{\n\t// mine\n\t"servers": {\n\t\t"a b__c": { /* "x": 1, */ "type": "stdio", "command": "x//y", },\n\t},\n}',
    });
    expect(gateway.upstreams).toMatchObject([{ name: 'a-b_c', command: 'x//y' }]);
  });

  it('has its variables filled in', async () => {
    const { gateway } = await load({
      servers: {
        mcpServers: {
          a: { command: '${BIN:-node}', args: ['${env:ARG}', '${userHome}/x', '$5', '${EMPTY:-full}'] },
          b: { url: 'https://${HOST}/mcp', headers: { Authorization: 'Bearer ${TOKEN}' } },
        },
      },
      env: { ARG: 'a "quoted" {', HOST: 'h.example', TOKEN: 't0k', EMPTY: '' },
    });
    expect(gateway.upstreams).toMatchObject([
      { command: 'node', args: ['a "quoted" {', '/home/me/x', '$5', 'full'] },
      { url: new URL('https://h.example/mcp'), headers: { authorization: 'Bearer t0k' } },
    ]);
  });

  it.each([
    [
      'a type that is not known',
      '{"mcpServers": {"a": {"type": "ws", "url": "http://h/w"}}}',
      ['1:31 UPSTREAM'],
    ],
    [
      'a variable that is not set',
      '{"mcpServers": {"a": {"command": "${NOPE}"}}}',
      ['1:34 SERVERS_VARIABLE'],
    ],
    ['what an editor would ask for', '{"mcpServers": {"a": {"command": "${input:key}"}}}', ['1:34 UPSTREAM']],
    ['no list', '{"tools": {}}', ['1:1 MISSING_KEY']],
    ['a list of another shape', '{"mcpServers": []}', ['1:2 WRONG_TYPE']],
    ['a server that is none', '{"mcpServers": {"a": "npx"}}', ['1:17 WRONG_TYPE']],
    ['neither command nor url', '{"mcpServers":\n {"a": {}}}', ['2:3 UPSTREAM']],
    ['text that is no JSON', '{"mcpServers": {}} }', ['1:20 SYNTAX']],
  ])('is refused with its place for %s', async (_, servers, expected) => {
    expect(await wrong({ servers })).toEqual(expected);
  });

  it('stands beside the upstreams of a gateway block, which has its name for itself', async () => {
    const config = 'plugins: []\ngateway: {port: 5555, upstreams: {a: {command: x}}}\n';
    const servers = (name: string) => ({ mcpServers: { [name]: { command: 'y' } } });
    const both = await load({ config, servers: servers('b') });
    expect(both.gateway.port).toBe(5555);
    expect(both.gateway.upstreams.map(({ name }) => name)).toEqual(['a', 'b']);
    const same = await load({ config, servers: servers('A') });
    expect(same.gateway.upstreams.map(({ name }) => name)).toEqual(['a']);
    expect(same.leftOut.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^\.mcp\.json:1:16 {2}the server "A" is left out: .* is already named at/),
    ]);
  });

  it('says what is missing where nothing is behind the gateway', async () => {
    await expect(load({ config: 'plugins: []\n' })).rejects.toSatisfy(ConfigNoUpstreams.is);
    await expect(load({ servers: { mcpServers: {} } })).rejects.toSatisfy(ConfigNoUpstreams.is);
    await expect(load({})).rejects.toSatisfy(ConfigNoUpstreams.is);
    const none = loadGatewayConfig({ servers: 'none.json', cwd: '/', env: {}, home: '/' });
    await expect(none).rejects.toSatisfy(FileUnreadable.is);
    await expect(load({ config: 'plugins: [' })).rejects.toSatisfy(ConfigInvalid.is);
  });
});

describe('plainJson', () => {
  it('leaves plain JSON as it is, whatever its strings look like', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(plainJson(JSON.stringify(value, null, 2)))).toEqual(
          JSON.parse(JSON.stringify(value)),
        );
      }),
    );
  });

  it('keeps every place', () => {
    const text = '{"a": 1, // one\n/* two\n */ "b": "// no", }';
    expect(plainJson(text)).toBe('{"a": 1,       \n      \n    "b": "// no"  }');
  });
});
