import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { startServer } from '../lib/ends.mjs';
import { startGateway, startUpstream } from '../lib/gateway.mjs';
import { residentMb, round } from '../lib/measure.mjs';

/** Milliseconds from the start of a process; the floor is a Node that does nothing. Memory of an idle server. */
export const ids = ['start.help', 'start.serve', 'start.gateway'];
const times = 7;

export async function run(bench, { wanted }) {
  const nothing = await median(() => toExit(['-e', '0']));
  const rows = [];
  const row = (id, ms, more) => {
    const ratio = round(nothing / ms, 3);
    rows.push({ id, ratio, perSecond: round(1000 / ms, 1), p50ms: ms, ...more, floor: { p50ms: nothing } });
  };
  if (wanted('start.help')) row('start.help', await median(() => toExit([bench.command, '--help'])));
  if (wanted('start.serve')) {
    let server;
    const ms = await median(async () => {
      const start = performance.now();
      server = await startServer(bench);
      return performance.now() - start;
    });
    await sleep(1_000);
    row('start.serve', ms, { memoryMb: { idle: residentMb(server.pid) } });
  }
  if (wanted('start.gateway')) {
    const upstream = await startUpstream(bench);
    let gateway;
    const ms = await median(async () => {
      const start = performance.now();
      gateway = await startGateway(bench, upstream);
      return performance.now() - start;
    });
    await sleep(1_000);
    row('start.gateway', ms, { memoryMb: { idle: residentMb(gateway.pid) } });
  }
  return rows;
}

async function median(measure) {
  const taken = [];
  for (let i = 0; i < times; i += 1) taken.push(await measure());
  return round(taken.sort((a, b) => a - b)[Math.floor(times / 2)], 0);
}

async function toExit(args) {
  const start = performance.now();
  await once(spawn(process.execPath, args, { stdio: 'ignore' }), 'exit');
  return performance.now() - start;
}
