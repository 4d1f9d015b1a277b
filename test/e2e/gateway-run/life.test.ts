import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ToolListChangedNotificationSchema as toolsChanged } from '@modelcontextprotocol/sdk/types.js';
import { request } from 'undici';
import { describe, expect, it } from 'vitest';
import { sallyport } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import {
  everything,
  filesystem,
  firstText,
  gatewayCommand,
  legacyClient,
  memory,
  modernClient,
  plugin,
  startGateway,
  stdioClient,
} from '../../support/gateway-run.js';
import { patience } from '../../support/patience.js';
import { exists, freePort, startEverything } from '../../support/upstreams.js';

const echo = (message: string, name = 'echo') => ({ name, arguments: { message } });

/** The child processes of a process. */
async function childrenOf(pid: number | undefined): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'pid=', '--ppid', String(pid)]).catch(() => ({
    stdout: '',
  }));
  return stdout.split('\n').filter(Boolean).map(Number);
}

/** What a process has open: files, pipes, sockets. */
const openOf = async (pid: number | undefined) => (await readdir(`/proc/${pid}/fd`)).length;

async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe('an upstream', () => {
  it('[M19] that is killed is named to its callers and started again; the others go on', async () => {
    const { url, child, waitForLog } = await startGateway({
      gateway: { upstreams: { one: everything, two: everything } },
    });
    const client = await legacyClient(url);
    const call = async (name: string) => firstText(await client.callTool(echo('hi', name)));
    expect(await call('one__echo')).toBe('Echo: hi');
    const before = await childrenOf(child.pid);
    const hanging = client.callTool({
      name: 'one__trigger-long-running-operation',
      arguments: { duration: 60, steps: 1 },
    });
    const failed = expect(hanging).rejects.toMatchObject({ message: expect.stringContaining("'one'") });
    await call('two__echo');
    for (const pid of before) {
      const { stdout } = await promisify(execFile)('ps', ['-o', 'args=', '-p', String(pid)]);
      if (stdout.includes('everything')) process.kill(pid, 'SIGKILL');
    }
    await failed;
    await waitForLog(({ code, upstream }) => code !== undefined && upstream === 'one');
    await until(async () => (await call('one__echo').catch(() => '')) === 'Echo: hi');
    expect(await call('two__echo')).toBe('Echo: hi');
  });

  it('[M19] that is away leaves the lists, and comes back to them', async () => {
    const port = await freePort();
    const { url } = await startGateway({
      gateway: { upstreams: { here: everything, away: { url: `http://127.0.0.1:${port}/mcp` } } },
    });
    const client = await legacyClient(url);
    const offers = async () => (await client.listTools()).tools.some(({ name }) => name.startsWith('away__'));
    expect(await offers()).toBe(false);
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('here__echo');
    await expect(client.callTool(echo('hi', 'away__echo'))).rejects.toMatchObject({
      message: expect.stringContaining("'away'"),
    });
    const ready = await request(url.replace('/mcp', '/ready'));
    expect(await ready.body.json()).toEqual({
      status: 'ready',
      plugins: {},
      upstreams: { here: 'up', away: 'down' },
    });
    await startEverything(port);
    await until(offers);
    expect(firstText(await client.callTool(echo('hi', 'away__echo')))).toBe('Echo: hi');
  });

  it('[M26] that never answers does not keep the gateway from listening, nor from being ready with others', {
    timeout: patience(90_000),
  }, async () => {
    const hung = { command: process.execPath, args: ['-e', 'setInterval(() => {}, 1000)'] };
    const upstreams = { hung, files: everything };
    const { url, log } = await startGateway({ gateway: { upstreams } }, { slow: ['hung'] });
    expect(log.find(({ name }) => name === 'hung')).toMatchObject({ state: 'connecting' });
    const client = await modernClient(url);
    expect(firstText(await client.callTool(echo('hi', 'files__echo')))).toBe('Echo: hi');
    expect((await request(url.replace('/mcp', '/ready'))).statusCode).toBe(200);
  });
});

describe('[M20] SIGHUP', () => {
  it('takes plugins and upstreams of the new file, and drops no session', async () => {
    const folder = await temporaryFolder();
    const one = { upstreams: { one: everything } };
    const gateway = await startGateway({ gateway: one });
    const client = await legacyClient(gateway.url);
    const changed: string[] = [];
    client.setNotificationHandler(toolsChanged, () => void changed.push('tools'));
    expect(firstText(await client.callTool(echo('hi')))).toBe('Echo: hi');
    const [child] = await childrenOf(gateway.child.pid);
    const line = await gateway.reload({
      plugins: [plugin('rewriter.mjs')],
      gateway: { upstreams: { ...one.upstreams, files: filesystem(folder) } },
    });
    expect(line.msg).toBe('SIGHUP: the files were read again');
    expect(firstText(await client.callTool(echo('hi', 'one__echo')))).toBe('Echo: hi <pre post>');
    await until(() => changed.length > 0);
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('files__read_file');
    // What has not changed was left alone.
    expect(exists(child ?? 0)).toBe(true);
    const both = await childrenOf(gateway.child.pid);
    await gateway.reload({ gateway: one });
    expect(firstText(await client.callTool(echo('hi')))).toBe('Echo: hi');
    await until(async () => (await childrenOf(gateway.child.pid)).length < both.length);
  });

  it.each([
    ['is not YAML', 'plugins: [', 'SALLY_CONFIG_INVALID'],
    [
      'names a plugin that cannot start',
      { plugins: [{ name: 'X', kind: './none.js' }] },
      'SALLY_PLUGIN_MODULE',
    ],
    [
      'names tokens that are not there',
      { gateway: { auth: { kind: 'bearer', tokens_file: '/none' } } },
      'SALLY_FILE_UNREADABLE',
    ],
    ['has no upstreams any more', { gateway: {} }, 'SALLY_CONFIG_NO_UPSTREAMS'],
  ])('changes nothing where the new file %s', async (_, file, code) => {
    const gateway = await startGateway({
      plugins: [plugin('rewriter.mjs')],
      gateway: { upstreams: { one: everything } },
    });
    const client = await legacyClient(gateway.url);
    const more = typeof file === 'string' ? file : { gateway: { upstreams: { two: everything } }, ...file };
    if (typeof more === 'object' && code === 'SALLY_FILE_UNREADABLE')
      Object.assign(more.gateway, { upstreams: { two: everything } });
    const line = await gateway.reload(more);
    expect([line.msg.slice(0, 36), line.code]).toEqual(['SIGHUP: everything stays as it was: ', code]);
    expect(firstText(await client.callTool(echo('hi')))).toBe('Echo: hi <pre post>');
  });

  it('does not open a gateway that others can reach, whatever address the new file has', async () => {
    const file = join(await temporaryFolder(), 'tokens.json');
    await sallyport(['token', 'create', '--file', file, '--user', 'ada']);
    const upstreams = { one: everything };
    const auth = { kind: 'bearer', tokens_file: file };
    const gateway = await startGateway({ gateway: { host: '0.0.0.0', upstreams, auth } });
    const line = await gateway.reload({ gateway: { host: '127.0.0.1', upstreams } });
    expect(line.code).toBe('SALLY_CONFIG_GATEWAY_OPEN');
    const reply = await request(`http://127.0.0.1:${gateway.port}/mcp`, { method: 'POST' });
    expect(reply.statusCode).toBe(401);
  });

  it('lets what is in flight finish with the plugins that it began with', async () => {
    const gateway = await startGateway({
      plugins: [plugin('rewriter.mjs')],
      gateway: { upstreams: { one: everything } },
    });
    const client = await legacyClient(gateway.url);
    const running = client.callTool({
      name: 'trigger-long-running-operation',
      arguments: { duration: 2, steps: 1 },
    });
    await gateway.waitForLog(({ method }) => method === 'initialize');
    await gateway.reload({ gateway: { upstreams: { two: everything } } });
    expect(firstText(await running)).toMatch(/^Long running operation completed.* post>$/s);
    expect(firstText(await client.callTool(echo('hi')))).toBe('Echo: hi');
  });
});

describe('[M21] SIGTERM', () => {
  it('finishes what is in flight and leaves nothing behind', async () => {
    const folder = await temporaryFolder();
    const gateway = await startGateway({
      gateway: {
        upstreams: { one: everything, two: memory(join(folder, 'm.jsonl')), three: filesystem(folder) },
      },
    });
    const client = await legacyClient(gateway.url);
    const running = client.callTool({
      name: 'one__trigger-long-running-operation',
      arguments: { duration: 1, steps: 1 },
    });
    // The call is on its way once one after it has come back.
    await client.callTool(echo('hi', 'one__echo'));
    const children = await childrenOf(gateway.child.pid);
    expect(children.length).toBeGreaterThanOrEqual(3);
    const exit = once(gateway.child, 'exit');
    gateway.child.kill('SIGTERM');
    expect(firstText(await running)).toContain('Long running operation completed');
    expect(await exit).toEqual([0, null]);
    expect(children.filter(exists)).toEqual([]);
  });

  it('that comes with SIGKILL after it leaves no children either', async () => {
    const gateway = await startGateway({ gateway: { upstreams: { one: everything } } });
    const children = await childrenOf(gateway.child.pid);
    gateway.child.kill('SIGKILL');
    await until(() => children.every((pid) => !exists(pid)));
  });
});

describe('[M25] clients that come and go', () => {
  it('leave no process and no socket behind', async () => {
    const gateway = await startGateway({ gateway: { upstreams: { one: everything } } });
    const session = async () => {
      for (const connect of [legacyClient, modernClient]) {
        const client = await connect(gateway.url);
        expect(firstText(await client.callTool(echo('hi')))).toBe('Echo: hi');
        if ('transport' in client && client.transport && 'terminateSession' in client.transport)
          await (client.transport as { terminateSession(): Promise<void> }).terminateSession();
        await client.close();
      }
    };
    await session();
    const { pid } = gateway.child;
    const settled = async () => [(await childrenOf(pid)).length, await openOf(pid)] as const;
    const [children, open] = await settled();
    for (let i = 0; i < 10; i += 1) await session();
    await until(async () => {
      const [nowChildren, nowOpen] = await settled();
      // The connections of this process may be kept alive for a while: a few, and not one for each session.
      return nowChildren <= children && nowOpen <= open + 4;
    });
  });
});

describe('[M27] --stdio', () => {
  it('serves the one that launched it, and ends with it', async () => {
    const folder = await temporaryFolder();
    await writeFile(
      join(folder, '.mcp.json'),
      JSON.stringify({ mcpServers: { every: everything, files: filesystem(folder) } }),
    );
    const client = await stdioClient(gatewayCommand('--servers', '.mcp.json', '--stdio'), folder);
    expect(firstText(await client.callTool(echo('hi', 'every__echo')))).toBe('Echo: hi');
    const pid = (client.transport as unknown as { pid: number }).pid;
    const children = await childrenOf(pid);
    expect(children.length).toBeGreaterThanOrEqual(2);
    await client.close();
    await until(() => !exists(pid) && children.every((one) => !exists(one)));
  });

  it('says what is wrong on standard error, and nothing on standard output', async () => {
    const folder = await temporaryFolder();
    await writeFile(
      join(folder, '.mcp.json'),
      '{"mcpServers": {"a": {"type": "websocket", "url": "http://h/s"}}}',
    );
    const { status, stdout, stderr } = await sallyport(['gateway', '--servers', '.mcp.json', '--stdio'], {
      cwd: folder,
    });
    expect([status, stdout]).toEqual([3, '']);
    expect(stderr).toContain('.mcp.json:1:31  upstream "a": its type is "websocket"');
  });
});

describe('the command', () => {
  it.each([
    ['without anything', [], 2, 'SALLY_CONFIG_NO_UPSTREAMS'],
    ['with a file without a gateway', ['--config', 'p.yaml'], 2, 'SALLY_CONFIG_NO_UPSTREAMS'],
    ['with a file that is not there', ['--config', 'none.yaml'], 3, 'SALLY_FILE_UNREADABLE'],
    ['with a port that is none', ['--port', 'x'], 2, 'SALLY_USAGE'],
  ])('%s says what to do', async (_, args, status, code) => {
    const cwd = await temporaryFolder();
    await writeFile(join(cwd, 'p.yaml'), 'plugins: []\n');
    const finished = await sallyport(['gateway', ...args], { cwd });
    expect([finished.status, finished.stdout]).toEqual([status, '']);
    expect(finished.stderr).toContain(code);
  });

  it('ends where its port is taken, with its upstreams', async () => {
    const { port } = await startGateway({ gateway: { upstreams: { one: everything } } });
    const cwd = await temporaryFolder();
    await writeFile(join(cwd, '.mcp.json'), JSON.stringify({ mcpServers: { one: everything } }));
    const finished = await sallyport(['gateway', '--servers', '.mcp.json', '--port', String(port)], { cwd });
    expect([finished.status, finished.stdout]).toEqual([3, '']);
    expect(finished.stderr).toContain(`the gateway cannot listen on 127.0.0.1:${port}: the port is in use`);
  });

  it('[M7] names the tools that two upstreams have where no prefix keeps them apart', async () => {
    const bare = { ...everything, prefix: 'never' };
    const gateway = await startGateway({ gateway: { upstreams: { one: bare, two: bare } } });
    const line = await gateway.waitForLog(
      ({ code, msg }) => code === 'SALLY_ROUTE_CLASH' && msg.includes('echo'),
    );
    expect(line.msg).toMatch(/one.*two/);
  });
});
