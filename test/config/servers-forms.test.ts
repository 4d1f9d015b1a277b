// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are references, not templates
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join, sep } from 'node:path';
import { expect, it } from 'vitest';
import { loadGatewayConfig, type ServerInput, serverKeyTable } from '../../src/config/index.js';
import { ConfigInvalid, ConfigNoUpstreams } from '../../src/errors.js';
import { temporaryFolder } from '../support/folder.js';

interface Given {
  readonly file?: string;
  readonly env?: Record<string, string>;
  readonly beside?: Record<string, string>;
  readonly ask?: (input: ServerInput) => Promise<string | undefined>;
}

async function load(text: string, { file = '.mcp.json', env = {}, beside = {}, ask }: Given = {}) {
  const cwd = await temporaryFolder();
  await mkdir(cwd, { recursive: true });
  for (const [name, content] of Object.entries({ ...beside, [file]: text }))
    await writeFile(join(cwd, name), content);
  const { gateway, leftOut, warnings } = await loadGatewayConfig({
    servers: file,
    cwd,
    env,
    home: '/home/me',
    ask,
  });
  const by = (name: string) => gateway.upstreams.find((upstream) => upstream.name === name);
  return {
    cwd,
    by,
    names: gateway.upstreams.map(({ name }) => name),
    leftOut: leftOut.map(({ message }) => message.replace(/^[^ ]+ {2}/, '')),
    warnings: warnings.map(({ message }) => message),
  };
}

const node = '"command":"node","args":["./server.mjs"]';

it('Claude Code: a server without its variable is left out, the others start', async () => {
  const text = `{"mcpServers":{"mem":{"type":"stdio",${node},"env":{"F":"\${HOME}/m.json","X":"\${NOPE:-def}"}},"api":{"type":"http","url":"http://127.0.0.1:21200/mcp","headers":{"Authorization":"Bearer \${API_KEY}"}}}}`;
  const without = await load(text, { env: { HOME: '/h' } });
  expect(without.by('mem')).toMatchObject({ env: { F: '/h/m.json', X: 'def' } });
  expect(without.leftOut).toEqual([
    'the server "api" is left out: mcpServers.api.headers.Authorization takes its value from API_KEY, which is not set',
  ]);
  const with_ = await load(text, { env: { HOME: '/h', API_KEY: 'k' } });
  expect(with_.by('api')).toMatchObject({ headers: { authorization: 'Bearer k' } });
  expect(with_.leftOut).toEqual([]);
});

it.each([
  [
    'Claude Desktop',
    `{"globalShortcut":"Ctrl+Space","preferences":{"a":1},"mcpServers":{"mem":{${node}}}}`,
    ['mem'],
  ],
  ['a byte order mark', `\ufeff{"mcpServers":{"mem":{${node}}}}`, ['mem']],
  [
    'Windows',
    '{"mcpServers":{"mem":{"command":"cmd","args":["/c","npx","-y","@modelcontextprotocol/server-memory"]}}}',
    ['mem'],
  ],
  [
    'names that an upstream cannot have',
    `{"mcpServers":{"names with space":{${node}},"a.b/c":{${node}}}}`,
    ['names-with-space', 'a.b-c'],
  ],
  [
    'settings.json of VS Code',
    `{"editor.fontSize":12,"mcp":{"inputs":[],"servers":{"mem":{${node}}}}}`,
    ['mem'],
  ],
  ['a plugin of Claude Code', `{"mem":{${node}}}`, ['mem']],
  [
    'enabled and not',
    `{"mcpServers":{"mem":{${node},"enabled":true},"off":{"command":"nope","enabled":false}}}`,
    ['mem'],
  ],
  ['opencode', '{"mcp":{"mem":{"type":"local","command":["node","./server.mjs"]}}}', ['mem']],
  ['older Zed', '{"context_servers":{"mem":{"command":{"path":"node","args":["./server.mjs"]}}}}', ['mem']],
])('%s: starts, without a word', async (_, text, names) => {
  const loaded = await load(text);
  expect(loaded).toMatchObject({ names, leftOut: [], warnings: [] });
  if (names[0] === 'mem' && !text.includes('cmd'))
    expect(loaded.by('mem')).toMatchObject({ command: 'node', args: ['./server.mjs'] });
});

it('VS Code: asks for inputs where it can, and leaves the server out where nobody says one', async () => {
  const text = `{
  // comment
  "inputs": [{"type":"promptString","id":"api-key","description":"API Key","password":true},{"id":"unused"}],
  "servers": {
    "mem": {"type":"stdio",${node},"env":{"K":"\${input:api-key}"}},
    "other": {"type":"stdio",${node}},
  },
}`;
  const asked: ServerInput[] = [];
  const answered = await load(text, {
    async ask(input) {
      asked.push(input);
      return 's3cret';
    },
  });
  expect(asked).toEqual([{ id: 'api-key', description: 'API Key', password: true }]);
  expect(answered.by('mem')).toMatchObject({ env: { K: 's3cret' } });
  const silent = await load(text, { ask: async () => undefined });
  expect(silent.names).toEqual(['other']);
  expect(silent.leftOut).toEqual([
    'the server "mem" is left out: servers.mem.env.K has "${input:api-key}", which only an editor could fill in',
  ]);
  expect(silent.leftOut).toEqual((await load(text)).leftOut);
});

it('VS Code: variables, a file of variables, and keys for development', async () => {
  const text = `{"servers":{"mem":{"type":"stdio","command":"node","args":["\${workspaceFolder}\${pathSeparator}s","\${workspaceFolderBasename}","\${/}"],"envFile":"\${workspaceFolder}/.env","env":{"B":"own","N":null},"cwd":"\${workspaceFolder}","dev":{"watch":"src/**"}}}}`;
  const there = await load(text, { beside: { '.env': 'A=1\n# no\nB="file"\n' } });
  expect(there.by('mem')).toMatchObject({
    args: [`${there.cwd}${sep}s`, basename(there.cwd), sep],
    env: { A: '1', B: 'own' },
    cwd: there.cwd,
  });
  expect(there.warnings).toEqual(['the server "mem": dev has no effect here']);
  const gone = await load(text);
  expect(gone.names).toEqual(['mem']);
  expect(gone.warnings).toEqual([
    'the server "mem": dev has no effect here',
    expect.stringMatching(/^the server "mem": envFile \(.*\.env"\) has no effect here$/),
  ]);
});

it('VS Code: a sandbox that is not there keeps its server out; a Unix domain socket is reached', async () => {
  const text = `{"servers":{"mem":{"type":"stdio",${node},"sandboxEnabled":true,"gallery":"https://x","version":"1.0"},"free":{${node},"sandboxEnabled":false},"unix":{"type":"http","url":"unix:///run/s.sock#/mcp/sub"}}}`;
  const { names, leftOut, by } = await load(text);
  expect(names).toEqual(['free', 'unix']);
  expect(leftOut).toEqual(['the server "mem" is left out: it has sandboxEnabled']);
  expect(by('unix')).toMatchObject({ url: new URL('http://localhost/mcp/sub'), uds: '/run/s.sock' });
});

it('sse in any spelling is HTTP+SSE; http is either', async () => {
  const text = `{"mcpServers":{"old":{"type":"SSE","url":"http://127.0.0.1:21200/sse"},"new":{"type":"http","url":"http://h/mcp"}}}`;
  const { by } = await load(text);
  expect(by('old')).toMatchObject({ type: 'sse', url: new URL('http://127.0.0.1:21200/sse') });
  expect(by('new')).not.toHaveProperty('type');
});

it('Cursor: user home, env: and envFile', async () => {
  const text = `{"mcpServers":{"mem":{${node},"env":{"P":"\${userHome}/x","Q":"\${env:HOME}"},"envFile":".env"}}}`;
  const { by } = await load(text, { env: { HOME: '/h' }, beside: { '.env': 'T=1' } });
  expect(by('mem')).toMatchObject({ env: { P: '/home/me/x', Q: '/h', T: '1' } });
});

it('Windsurf and Roo: a tool that is disabled is not offered', async () => {
  const text = `{"mcpServers":{"mem":{${node},"disabled":false,"disabledTools":["read_graph"],"alwaysAllow":["x"]},"rem":{"serverUrl":"http://127.0.0.1:21200/mcp"}}}`;
  const { by, names, warnings } = await load(text);
  expect(names).toEqual(['mem', 'rem']);
  expect(by('mem')?.tools).toEqual({ exclude: ['read_graph'] });
  expect(warnings).toEqual(['the server "mem": alwaysAllow has no effect here']);
});

it('Cline: seconds, and streamableHttp', async () => {
  const text = `{"mcpServers":{"mem":{${node},"alwaysAllow":["create_entities"],"autoApprove":["x"],"timeout":90,"share":"session","disabled":false},"h":{"type":"streamableHttp","url":"http://127.0.0.1:21200/mcp"}}}`;
  const { by, warnings } = await load(text);
  expect(by('mem')).toMatchObject({ timeoutMs: 90_000, share: 'session' });
  expect(by('h')).toMatchObject({ transport: 'http', timeoutMs: 60_000 });
  expect(warnings).toEqual(['the server "mem": alwaysAllow, autoApprove have no effect here']);
});

it('Gemini CLI: milliseconds, tools, variables without braces, and its lists of servers', async () => {
  const text = `{"mcp":{"allowed":["mem","h","z"],"excluded":["z"]},"mcpServers":{"mem":{${node},"trust":true,"timeout":30000,"includeTools":["read_graph","add(a)"],"excludeTools":["add"],"env":{"K":"$MY_KEY","P":"pa$$"},"cwd":"."},"h":{"httpUrl":"http://127.0.0.1:21200/mcp","headers":{"Authorization":"Bearer $MY_KEY"}},"z":{${node}},"y":{${node}}}}`;
  const { by, names } = await load(text, { env: { MY_KEY: 'k' } });
  expect(names).toEqual(['mem', 'h']);
  expect(by('mem')).toMatchObject({
    timeoutMs: 30_000,
    tools: { include: ['read_graph', 'add'], exclude: ['add'] },
    env: { K: 'k', P: 'pa$$' },
  });
  expect(by('h')).toMatchObject({ headers: { authorization: 'Bearer k' } });
});

it('Zed: context_servers', async () => {
  const text = `{"context_servers":{"mem":{"source":"custom",${node},"env":{}}}}`;
  expect(await load(text)).toMatchObject({
    names: ['mem'],
    warnings: ['the server "mem": source has no effect here'],
  });
});

it('what signs in is said to do nothing', async () => {
  const text = `{"mcpServers":{"mem":{${node}},"h":{"type":"http","url":"http://127.0.0.1:21200/mcp","oauth":{"clientId":"abc","callbackPort":8080},"headersHelper":"/x.sh"}}}`;
  expect(await load(text)).toMatchObject({
    names: ['mem', 'h'],
    warnings: ['the server "h": oauth, headersHelper have no effect here'],
  });
});

it('one missing variable, and no server at all, end it', async () => {
  const missing = `{"mcpServers":{"mem":{${node},"env":{"T":"\${MISSING_TOKEN}"}}}}`;
  await expect(load(missing)).rejects.toSatisfy(ConfigInvalid.is);
  await expect(load('{"mcpServers":{}}')).rejects.toSatisfy(ConfigNoUpstreams.is);
});

it('Copilot: local, and the tools that are offered', async () => {
  const of = (tools: string) =>
    load(`{"mcpServers":{"mem":{"type":"local",${node},"tools":${tools}}}}`).then(({ by }) => by('mem'));
  expect((await of('["*"]'))?.tools).toBeUndefined();
  expect((await of('["a"]'))?.tools).toEqual({ include: ['a'], exclude: [] });
  expect((await of('[]'))?.tools).toEqual({ include: [], exclude: [] });
});

it('everything at once', async () => {
  const text = `{"mcpServers":{"mem":{"command":"node","args":["./server.mjs","\${workspaceFolder}","\${userHome}/q"],"envFile":".env","env":{"P":"\${userHome}/x","Q":"\${env:HOME}"},"disabledTools":["read_graph"],"includeTools":["search_nodes"],"excludeTools":["create_entities"]}}}`;
  const { by, cwd } = await load(text, { env: { HOME: '/h' }, beside: { '.env': 'A=1' } });
  expect(by('mem')).toMatchObject({
    args: ['./server.mjs', cwd, '/home/me/q'],
    env: { A: '1', P: '/home/me/x', Q: '/h' },
    tools: { include: ['search_nodes'], exclude: ['create_entities', 'read_graph'] },
  });
});

it('Goose: YAML, with its own names', async () => {
  const text = [
    'GOOSE_PROVIDER: x',
    'extensions:',
    '  mem: {type: stdio, cmd: node, args: [./server.mjs], envs: {A: "1"}, env_keys: [K], timeout: 300, available_tools: [a], enabled: true, bundled: null}',
    '  all: {type: streamable_http, uri: "http://127.0.0.1:1/mcp", available_tools: []}',
    '  developer: {type: builtin, name: developer}',
    '  off: {type: stdio, cmd: nope, enabled: false}',
  ].join('\n');
  const { by, names, leftOut, warnings } = await load(text, { file: 'config.yaml' });
  expect(names).toEqual(['mem', 'all']);
  expect(by('mem')).toMatchObject({ env: { A: '1' }, timeoutMs: 300_000, tools: { include: ['a'] } });
  expect(by('all')?.tools).toBeUndefined();
  expect(leftOut).toEqual(['the server "developer" is left out: its type is "builtin", which is not known']);
  expect(warnings).toEqual(['the server "mem": env_keys, bundled have no effect here']);
});

it('Continue: a list of servers with names, and its secrets', async () => {
  const text = [
    'mcpServers:',
    '  - {name: mem, command: node, args: [./server.mjs], env: {K: "${{ secrets.KEY }}"}}',
    '  - {name: h, type: streamable-http, url: "https://h.example/mcp", requestOptions: {headers: {X-A: b}}}',
  ].join('\n');
  const { by } = await load(text, { file: 'mcp.yaml', env: { KEY: 'k' } });
  expect(by('mem')).toMatchObject({ env: { K: 'k' } });
  expect(by('h')).toMatchObject({ headers: { 'x-a': 'b' } });
});

it('Windsurf: the text of a file', async () => {
  const text =
    '{"mcpServers":{"h":{"url":"http://127.0.0.1:1/mcp","headers":{"Authorization":"Bearer ${file:t.txt}"}},"n":{"url":"http://127.0.0.1:1/mcp","headers":{"A":"${file:none.txt}"}}}}';
  const { by, leftOut } = await load(text, { beside: { 't.txt': 'tok\n' } });
  expect(by('h')).toMatchObject({ headers: { authorization: 'Bearer tok' } });
  expect(leftOut).toHaveLength(1);
});

it('JetBrains and Warp: the folder under their names', async () => {
  const text = `{"mcpServers":{"a":{${node},"workingDirectory":"/srv"},"b":{${node},"working_directory":"/srv"}}}`;
  const { by } = await load(text);
  expect([by('a'), by('b')]).toMatchObject([{ cwd: '/srv' }, { cwd: '/srv' }]);
});

it.each([
  ['comand', '"comand":"x"', "unknown key 'comand' in mcpServers.bad"],
  ['disabledTool', '"command":"x","disabledTool":["a"]', "unknown key 'disabledTool' in mcpServers.bad"],
  ['what may say which tools', '"command":"x","toolFilter":{}', '"toolFilter" is not known here'],
  ['a list that is none', '"command":"x","disabledTools":"a"', 'mcpServers.bad.disabledTools must be'],
  ['an editor command', '"command":"${command:pick}"', 'which only an editor could fill in'],
])('a server with %s is left out, the other starts', async (_, entry, why) => {
  const { names, leftOut } = await load(`{"mcpServers":{"bad":{${entry}},"good":{${node}}}}`);
  expect(names).toEqual(['good']);
  expect(leftOut).toEqual([expect.stringContaining(why)]);
});

it('a key that nobody knows is said to do nothing', async () => {
  const { names, warnings } = await load(`{"mcpServers":{"a":{${node},"zzzz":1,"_comment":"mine"}}}`);
  expect(names).toEqual(['a']);
  expect(warnings).toEqual(['the server "a": zzzz, _comment have no effect here']);
});

it('the table has every key once', () => {
  const keys = serverKeyTable.map(({ key }) => key);
  expect(new Set(keys).size).toBe(keys.length);
});
