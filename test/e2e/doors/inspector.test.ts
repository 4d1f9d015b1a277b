import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { everything, startGateway } from '../../support/gateway-run.js';
import { startPluginServer } from '../../support/plugin-server.js';

async function processesOf(pid: number): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'pid=', '--ppid', String(pid)]);
  return [pid, ...stdout.split('\n').filter(Boolean).map(Number)];
}

const programs = {
  serve: () => startPluginServer({ args: ['--workers', '2'] }),
  gateway: () => startGateway({ gateway: { upstreams: { one: everything } } }, { args: ['--workers', '2'] }),
};

it.each(Object.entries(programs))(
  'SIGUSR1 opens no inspector in %s, nor in a worker of it',
  async (_, start) => {
    const { child, log, waitForLog } = await start();
    await waitForLog(({ msg }) => msg === '2 workers share the port');
    const workers = await processesOf(child.pid ?? 0);
    expect(workers).toHaveLength(3);
    for (const pid of workers) process.kill(pid, 'SIGUSR1');
    // Both signals are handled in their order: what SIGUSR1 does is done by then.
    child.kill('SIGTERM');
    await new Promise((resolve) => child.once('close', resolve));
    expect(child.exitCode).toBe(0);
    expect(log.filter(({ msg }) => /debugger|inspector/i.test(msg))).toEqual([]);
  },
);
