import { once } from 'node:events';
import { statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { parseConfig } from '../../../src/config/index.js';
import { silentLogger } from '../../../src/log.js';
import { openPluginManager, type PluginManager } from '../../../src/manager/index.js';
import { commandPath, sallyport, start } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { callTool, errorOf } from '../../support/gateway.js';
import { hookCall } from '../../support/mcp.js';
import { clientTls, replaceBadWords, startPluginServer, writeConfig } from '../../support/plugin-server.js';
import { tcpServer } from '../../support/tcp.js';

const misbehaving = resolve(import.meta.dirname, '../../support/plugins/misbehaving.mjs');
const odd = { name: 'Odd', kind: misbehaving };

/** A gateway side with one external plugin, reached as `mcp` says. */
async function open(mcp: object, name = 'Odd'): Promise<PluginManager> {
  const file = stringify({
    plugins: [{ name, kind: 'external', mcp }],
    plugin_settings: { plugin_timeout: 10 },
  });
  const options = {
    path: '/test/plugins.yaml',
    cwd: '/test',
    env: {},
    side: 'gateway',
    exists: () => true,
  } as const;
  const manager = await openPluginManager(parseConfig(file, options), {
    log: silentLogger,
    connect: 'on-first-call',
  });
  onTestFinished(() => manager.close());
  return manager;
}

async function startOnSocket(plugins: readonly object[] = [odd], at?: string) {
  const path = at ?? join(await temporaryFolder(), 'plugins.sock');
  const server = await startPluginServer({ plugins, tls: null, env: { PLUGINS_SERVER_UDS: path } });
  return { path, server };
}

/** The same calls whatever they go over: a server of ours that hosts the plugin `Odd`. */
const transports: Record<string, () => Promise<object>> = {
  'mutual TLS': async () => ({ url: (await startPluginServer({ plugins: [odd] })).url, tls: clientTls() }),
  HTTP: async () => ({ url: (await startPluginServer({ plugins: [odd], tls: null })).url }),
  'a Unix domain socket': async () => ({ uds: (await startOnSocket()).path }),
  stdio: async () => ({
    proto: 'STDIO',
    cmd: [process.execPath, commandPath, 'serve', '--config', await writeConfig({ plugins: [odd] })],
    env: { PLUGINS_TRANSPORT: 'stdio' },
  }),
};

describe.each(Object.keys(transports))('over %s', (name) => {
  const gateway = async () => open(await (transports[name] as () => Promise<object>)());

  it('[S9,G6] payload, violation, error, state from pre to post', async () => {
    const manager = await gateway();
    const invoke = (tool: string, args = {}) =>
      manager.request().invoke('tool_pre_invoke', { name: tool, args });
    expect((await invoke('t', { x: null })).payload).toEqual({
      name: 't',
      args: { x: null, trail: ['Odd'] },
    });
    expect(await invoke('block')).toMatchObject({
      continue_processing: false,
      violation: { code: 'NOT_THIS', plugin_name: 'Odd', mcp_error_code: -32001 },
    });
    const error = await errorOf(invoke('throw'));
    expect(error).toMatchObject({
      code: 'SALLY_PLUGIN_ERROR',
      message: expect.stringContaining('cannot read'),
    });
    const request = manager.request();
    await request.invoke('tool_pre_invoke', { name: 'count', args: {} });
    await request.invoke('tool_pre_invoke', { name: 'count', args: {} });
    const { payload } = await request.invoke('tool_post_invoke', { name: 'count', result: null });
    expect(payload.result).toEqual({ calls: 2, global: { Odd: 2 } });
  });

  it('[S9] a payload of 900 KB, and 50 calls at once', async () => {
    const manager = await gateway();
    const large = 'x'.repeat(900_000);
    const { payload } = await manager.request().invoke('tool_pre_invoke', { name: 't', args: { large } });
    expect(payload.args.large).toBe(large);
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        manager.request().invoke('tool_pre_invoke', { name: 't', args: { i } }),
      ),
    );
    expect(answers.map(({ payload }) => payload.args.i)).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });

  it('[S9] takes what a message may hold, as deep as it may be nested, and says what a plugin nests deeper', async () => {
    const manager = await gateway();
    // A message of 64 levels holds arguments of 62.
    const deep = JSON.parse(`${'['.repeat(61)}${']'.repeat(61)}`) as unknown;
    const { payload } = await manager.request().invoke('tool_pre_invoke', { name: 't', args: { deep } });
    expect(payload.args).toEqual({ deep, trail: ['Odd'] });
    const error = await errorOf(manager.request().invoke('tool_pre_invoke', { name: 'deep', args: {} }));
    expect(error).toMatchObject({
      code: 'SALLY_PLUGIN_ERROR',
      context: { pluginCode: 'SALLY_PLUGIN_RESULT' },
      message: expect.stringContaining('nested deeper than 72 levels'),
    });
  });

  it('[G6] a hook that the plugin does not have lets the request go on', async () => {
    const manager = await gateway();
    expect(await manager.request().invoke('prompt_pre_fetch', { prompt_id: 'p' })).toMatchObject({
      continue_processing: true,
      modified_payload: null,
    });
    expect(
      await manager.invokeOne({
        plugin: 'Odd',
        hook: 'prompt_pre_fetch',
        payload: {},
        context: { state: {}, metadata: {}, global_context: manager.request().global },
      }),
    ).toMatchObject({ kind: 'failed', error: { code: 'SALLY_PLUGIN_HOOK' } });
  });
});

describe('a Unix domain socket', () => {
  it('[S1] has mode 600, answers /health, and is gone with its server', async () => {
    const { path, server } = await startOnSocket([replaceBadWords]);
    expect((statSync(path).mode & 0o777).toString(8)).toBe('600');
    const { Client } = await import('undici');
    const client = new Client('http://localhost', { socketPath: path });
    const answer = await client.request({ path: '/health', method: 'GET' });
    expect(await answer.body.json()).toEqual({ status: 'healthy' });
    await client.close();
    expect(await server.stop()).toBe(0);
    expect(() => statSync(path)).toThrow();
  });

  it('[S1] left behind by a server that was killed, it is replaced', async () => {
    const { path, server } = await startOnSocket();
    const exit = once(server.child, 'exit');
    server.child.kill('SIGKILL');
    await exit;
    await startOnSocket([odd], path);
    const { payload } = await (await open({ uds: path }))
      .request()
      .invoke('tool_pre_invoke', { name: 't', args: {} });
    expect(payload.args).toEqual({ trail: ['Odd'] });
  });

  it('[S1] in use, or another file in its place: an error, and nothing is lost', async () => {
    const path = join(await temporaryFolder(), 'in-use.sock');
    const other = tcpServer().listen(path);
    await once(other, 'listening');
    const config = await writeConfig({ plugins: [odd] });
    const inUse = await sallyport(['serve', '--config', config], { env: { PLUGINS_SERVER_UDS: path } });
    expect(inUse).toMatchObject({ status: 3, stderr: expect.stringContaining('SALLY_SERVER_SOCKET_IN_USE') });
    other.close();
    const file = join(await temporaryFolder(), 'file');
    await writeFile(file, 'precious');
    const taken = await sallyport(['serve', '--config', config], { env: { PLUGINS_SERVER_UDS: file } });
    expect(taken).toMatchObject({ status: 3, stderr: expect.stringContaining('SALLY_SERVER_LISTEN') });
    expect(statSync(file).size).toBe(8);
  });

  it('[S7] together with TLS it is an error', async () => {
    const tls = { certfile: 'a', keyfile: 'b', ca_bundle: 'c' };
    const config = await writeConfig({ plugins: [odd], server_settings: { uds: '/tmp/x.sock', tls } });
    const refused = await sallyport(['serve', '--config', config]);
    expect(refused).toMatchObject({ status: 3, stderr: expect.stringContaining('SALLY_CONFIG_TRANSPORT') });
  });

  it('[G5] nobody behind it: refused', async () => {
    const error = await errorOf(callTool(await open({ uds: join(await temporaryFolder(), 'none.sock') })));
    expect(error.code).toBe('SALLY_CONNECT_REFUSED');
  });
});

describe('a child process', () => {
  const serve = async () => [
    process.execPath,
    commandPath,
    'serve',
    '--config',
    await writeConfig({ plugins: [odd] }),
  ];
  const pids = async (manager: PluginManager) => {
    const { payload } = await manager.request().invoke('tool_pre_invoke', { name: 'pid', args: {} });
    return (payload.args as unknown as { pid: number }).pid;
  };
  const alive = (pid: number) => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  const gone = async (pid: number) => {
    while (alive(pid)) await new Promise((done) => setTimeout(done, 20));
  };

  it('[G6] is started without a warning of Node', async () => {
    const warnings: Error[] = [];
    const heard = (warning: Error) => warnings.push(warning);
    process.on('warning', heard);
    onTestFinished(() => void process.off('warning', heard));
    const manager = await open({ proto: 'STDIO', cmd: await serve(), env: { PLUGINS_TRANSPORT: 'stdio' } });
    await callTool(manager, 'ok');
    expect(warnings).toEqual([]);
  });

  it('[G6] that dies is started again by the next call', async () => {
    const manager = await open({ proto: 'STDIO', cmd: await serve(), env: { PLUGINS_TRANSPORT: 'stdio' } });
    const first = await pids(manager);
    process.kill(first, 'SIGKILL');
    await gone(first);
    expect(await pids(manager)).not.toBe(first);
  });

  it('[G6] is gone when the manager closes', async () => {
    const manager = await open({ proto: 'STDIO', cmd: await serve(), env: { PLUGINS_TRANSPORT: 'stdio' } });
    const pid = await pids(manager);
    await manager.close();
    await gone(pid);
  });

  it('[G6] is gone when the process that started it was killed', async () => {
    const path = await writeConfig({
      plugins: [
        {
          name: 'Odd',
          kind: 'external',
          mcp: {
            proto: 'STDIO',
            cmd: await serve(),
            env: { PLUGINS_TRANSPORT: 'stdio', LOG_LEVEL: 'DEBUG' },
          },
        },
      ],
    });
    const parent = start(
      [
        'invoke',
        'tool_pre_invoke',
        '--config',
        path,
        '--plugin',
        'Odd',
        '--payload',
        '{"name":"hang"}',
        '--verbose',
      ],
      { env: { LOG_FORMAT: 'json' } },
    );
    let pid = 0;
    let log = '';
    for await (const chunk of parent.stderr as AsyncIterable<Buffer>) {
      log += chunk.toString();
      pid = Number(/begun: hang in (\d+)\D/.exec(log)?.[1] ?? 0);
      if (pid > 0) break;
    }
    expect(alive(pid)).toBe(true);
    parent.kill('SIGKILL');
    await gone(pid);
  });

  it('[G5] that is not there, and one that does not speak MCP', async () => {
    const missing = await errorOf(callTool(await open({ proto: 'STDIO', cmd: ['no-such-program'] })));
    expect(missing).toMatchObject({
      code: 'SALLY_CHILD_NOT_STARTED',
      message: expect.stringContaining('no such program'),
    });
    const silent = await errorOf(callTool(await open({ proto: 'STDIO', cmd: [process.execPath, '-e', ''] })));
    expect(silent.code).toBe('SALLY_CHILD_GONE');
  });

  it('[G1] gets the variables of its entry, and none of ours', async () => {
    process.env['A_SECRET_OF_OURS'] = 'x';
    onTestFinished(() => void delete process.env['A_SECRET_OF_OURS']);
    const manager = await open({
      proto: 'STDIO',
      cmd: await serve(),
      env: { PLUGINS_TRANSPORT: 'stdio', GIVEN: '1' },
    });
    const { payload } = await manager.request().invoke('tool_pre_invoke', { name: 'env', args: {} });
    expect(payload.args).toMatchObject({ env: { GIVEN: '1' } });
    expect(JSON.stringify(payload.args)).not.toContain('A_SECRET_OF_OURS');
  });

  it('[G1] a script, by its ending', async () => {
    const script = join(await temporaryFolder(), 'server.sh');
    const [program, ...args] = await serve();
    await writeFile(script, `exec "${program}" ${args.map((word) => `"${word}"`).join(' ')}\n`);
    const manager = await open({ proto: 'STDIO', script, env: { PLUGINS_TRANSPORT: 'stdio' } });
    expect((await manager.request().invoke('tool_pre_invoke', { name: 't', args: {} })).payload.args).toEqual(
      { trail: ['Odd'] },
    );
  });
});

describe('a plugin server', () => {
  it('[S1] goes on when nobody reads its log any more', async () => {
    const server = await startPluginServer({ plugins: [odd], env: { LOG_LEVEL: 'DEBUG' } });
    server.child.stderr?.destroy();
    const manager = await open({ url: server.url, tls: clientTls() });
    for (let i = 0; i < 3; i += 1) await manager.request().invoke('tool_pre_invoke', { name: 't', args: {} });
  });

  it('[S1] refuses external plugins: it would lend its certificate to whoever calls it', async () => {
    const config = await writeConfig({
      plugins: [{ name: 'A', kind: 'external', mcp: { url: 'http://localhost:1/mcp' } }],
    });
    const refused = await sallyport(['serve', '--config', config, '--port', '0']);
    expect(refused).toMatchObject({ status: 3, stderr: expect.stringContaining('SALLY_SERVER_EXTERNAL') });
  });

  it('[S1] names every plugin that cannot be started, and does not look for disabled ones', async () => {
    const config = await writeConfig({
      plugins: [
        { name: 'A', kind: 'plugins.vault.vault_plugin.Vault' },
        { name: 'B', kind: './missing.mjs' },
        { name: 'C', kind: 'plugins.deny_filter.deny.DenyListPlugin', mode: 'disabled' },
      ],
    });
    const { status, stderr } = await sallyport(['serve', '--config', config, '--port', '0']);
    expect(status).toBe(3);
    expect(stderr).toContain("plugin 'A'");
    expect(stderr).toContain("plugin 'B'");
    expect(stderr).not.toContain("plugin 'C'");
  });
});

it('[S1] SIGTERM to a server on stdio: the call in flight is answered, then it exits 0', async () => {
  const path = await writeConfig({ plugins: [odd] });
  const server = start(['serve', '--config', path], {
    env: { PLUGINS_TRANSPORT: 'stdio', LOG_FORMAT: 'json' },
  });
  const send = (message: object) =>
    server.stdin?.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  let out = '';
  server.stdout?.on('data', (chunk) => {
    out += chunk;
  });
  const clientInfo = { name: 'plain', version: '1' };
  send({
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo },
  });
  send({ method: 'notifications/initialized' });
  const args = hookCall({ name: 'slow', args: { ms: 500 } }, { plugin_name: 'Odd' });
  send({ id: 2, method: 'tools/call', params: { name: 'invoke_hook', arguments: args } });
  const exit = once(server, 'exit');
  let begun = false;
  server.stderr?.on('data', (chunk) => {
    if (!begun && String(chunk).includes('begun: slow')) {
      begun = true;
      server.kill('SIGTERM');
    }
  });
  expect(await exit).toEqual([0, null]);
  expect(out).toContain('"id":2');
  expect(out).toContain('done');
});

it('[S1] a line that is nested too deep, or says a key twice, is answered under its id; the next one is served', async () => {
  const config = await writeConfig({ plugins: [odd] });
  const child = start(['serve', '--config', config], { env: { PLUGINS_TRANSPORT: 'stdio' } });
  child.stderr?.resume();
  const lines = createInterface({ input: child.stdout as Readable })[Symbol.asyncIterator]();
  const say = async (line: string) => {
    child.stdin?.write(`${line}\n`);
    return JSON.parse(String((await lines.next()).value)) as Record<string, unknown>;
  };
  const params = {
    protocolVersion: '2025-06-18',
    capabilities: {},
    clientInfo: { name: 'by-hand', version: '1' },
  };
  await say(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params }));
  expect(
    await say(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":${'['.repeat(100_000)}`),
  ).toMatchObject({
    id: 2,
    error: { code: -32600, data: { code: 'SALLY_JSON_DEPTH' } },
  });
  expect(await say('{"jsonrpc":"2.0","id":3,"method":"ping","params":{},"params":{"a":1}}')).toMatchObject({
    id: 3,
    error: { code: -32600, data: { code: 'SALLY_JSON_DUPLICATE_KEY' } },
  });
  expect(await say('{"jsonrpc":"2.0","id":4,"method":"ping"}')).toEqual({
    jsonrpc: '2.0',
    id: 4,
    result: {},
  });
});
