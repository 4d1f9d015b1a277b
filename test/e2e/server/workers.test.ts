import { resolve } from 'node:path';
import { connect } from 'node:tls';
import { describe, expect, it } from 'vitest';
import type { PluginManager } from '../../../src/manager/index.js';
import { sallyport } from '../../support/command.js';
import { openGateway } from '../../support/gateway.js';
import { patience } from '../../support/patience.js';
import {
  type LogLine,
  type RunningServer,
  startPluginServer,
  writeConfig,
} from '../../support/plugin-server.js';

const plugin = {
  name: 'Misbehaving',
  kind: resolve(import.meta.dirname, '../../support/plugins/misbehaving.mjs'),
};
const shared = (line: LogLine) => line.msg === '2 workers share the port';

async function startTwo(): Promise<RunningServer> {
  const server = await startPluginServer({ plugins: [plugin], args: ['--workers', '2'] });
  await server.waitForLog(shared);
  return server;
}

const openTo = ({ url }: RunningServer) => openGateway({ url, name: plugin.name });

async function pidOf(manager: PluginManager): Promise<number> {
  const { payload } = await manager.request().invoke('tool_pre_invoke', { name: 'pid', args: {} });
  return (payload.args as { pid: number }).pid;
}

describe('a plugin server of several workers', () => {
  it('serves on one port from as many processes, none of which is the one that was started', async () => {
    const server = await startTwo();
    const manager = await openTo(server);
    const pids = new Set(await Promise.all(Array.from({ length: 32 }, () => pidOf(manager))));
    expect(pids.size).toBe(2);
    expect(pids).not.toContain(server.child.pid);
    expect(server.log.filter((line) => line.msg.startsWith('listening on'))).toHaveLength(1);
  });

  it('answers for its health while a worker is replaced, and calls go on', async () => {
    const server = await startTwo();
    const manager = await openTo(server);
    process.kill(await pidOf(manager), 'SIGKILL');
    await server.waitForLog((line) => line.code === 'SALLY_WORKER_LOST');
    expect(await pidOf(manager)).toBeGreaterThan(0);
    expect((await fetch(server.healthUrl ?? '')).status).toBe(200);
    await server.waitForLog((line) => line.msg === 'another worker serves in its place');
    expect(server.child.exitCode).toBeNull();
  });

  it('shows the metrics of all workers, whichever is asked', async () => {
    const server = await startTwo();
    const url = server.healthUrl?.replace('/health', '/metrics') ?? '';
    const failures = async () => {
      const page = await (await fetch(url, { headers: { Connection: 'close' } })).text();
      const found = /^sallyport_tls_handshake_failures_total\{[^}]*\} (\d+)$/m.exec(page);
      return Number(found?.[1] ?? 0);
    };
    for (let i = 0; i < 4; i += 1) {
      const socket = connect({ port: server.port, host: 'localhost', rejectUnauthorized: false });
      await new Promise((resolve) => socket.on('error', () => {}).on('close', resolve));
    }
    await expect.poll(failures).toBe(4);
    for (let i = 0; i < 3; i += 1) expect(await failures()).toBe(4);
  });

  it('finishes calls in flight in every worker before it stops', async () => {
    const server = await startTwo();
    const managers = await Promise.all([openTo(server), openTo(server)]);
    for (const manager of managers) await pidOf(manager);
    const calls = managers.map((manager) =>
      manager.request().invoke('tool_pre_invoke', { name: 'slow', args: { ms: 400 } }),
    );
    const begun = () => server.log.filter((line) => line.msg === 'begun: slow').length === 2;
    await server.waitForLog(begun);
    const status = server.stop();
    for (const { payload } of await Promise.all(calls)) expect(payload.args).toEqual({ done: true });
    expect(await status).toBe(0);
  });

  it('stops when the process that was started is killed: no worker is left behind', async () => {
    const server = await startTwo();
    const pid = await pidOf(await openTo(server));
    server.child.kill('SIGKILL');
    await expect.poll(() => isAlive(pid), { timeout: patience(10_000) }).toBe(false);
  });

  it('says once what is wrong with its configuration, and ends with its status', async () => {
    const path = await writeConfig({ plugins: [{ name: 'Missing', kind: './not-there.mjs' }] });
    const { status, stderr } = await sallyport(['serve', '--config', path, '--workers', '3']);
    expect(status).toBe(3);
    expect(stderr.match(/error SALLY_/g)).toHaveLength(1);
  });

  it('refuses a number that is none, and a Unix domain socket', async () => {
    const path = await writeConfig({ plugins: [], server_settings: { uds: 'plugins.sock' } });
    expect(await sallyport(['serve', '--config', path, '--workers', '0'])).toMatchObject({ status: 2 });
    const { status, stderr } = await sallyport(['serve', '--config', path, '--workers', '2']);
    expect(status).toBe(2);
    expect(stderr).toContain('SALLY_WORKER_NO_PORT');
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
