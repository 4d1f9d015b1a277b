import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { busyPlugin, externalEntry, startServer, writeConfig } from '../lib/ends.mjs';
import { cpuOf, round } from '../lib/measure.mjs';

/**
 * A plugin server with two workers, beside one with one worker, and beside two servers with one each: what a machine has
 * for two processes at once is not always twice what it has for one. The load comes from two processes outside; as they
 * need cores too, a call takes a millisecond, of which they have a tenth. `perCpuSecond` says what a second of the
 * servers' own CPU time was good for.
 */
export const ids = ['workers.2', 'workers.2.apart'];
const turns = 2;

export async function run(bench, { seconds }) {
  const two = await openSide(bench, ['2']);
  const one = await openSide(bench, ['1']);
  const apart = await openSide(bench, ['1', '1']);
  const sides = [one, two, apart];
  for (let turn = 0; turn < turns; turn += 1) {
    for (const side of turn % 2 === 0 ? sides : [...sides].reverse())
      await load(bench, side, seconds / turns);
  }
  const ours = summary(two);
  const row = (id, floor) => ({ id, ratio: round(ours.perSecond / floor.perSecond, 3), ...ours, floor });
  return [row('workers.2', summary(one)), row('workers.2.apart', summary(apart))];
}

/** Servers with so many workers each, and for each of the two generators of load the way to one of them. */
async function openSide(bench, workers) {
  const servers = [];
  for (const count of workers)
    servers.push(await startServer(bench, { kind: busyPlugin, more: ['--workers', count] }));
  const configs = [];
  for (const { url } of [servers[0], servers.at(-1)])
    configs.push(await writeConfig(bench, { plugins: [await externalEntry(bench, url)] }));
  return { pids: servers.map(({ pid }) => pid), configs, calls: 0, took: 0, cpu: 0, times: [] };
}

const script = fileURLToPath(new URL('../lib/load.mjs', import.meta.url));

async function load(bench, side, seconds) {
  const generators = side.configs.map((config) => bench.pipe([script, config, '16', String(seconds)]));
  await Promise.all(generators.map(({ lines }) => once(lines, 'line')));
  const before = cpuOfAll(side.pids);
  const results = generators.map(({ lines }) => once(lines, 'line'));
  for (const { child } of generators) child.stdin.write('go\n');
  for (const [line] of await Promise.all(results)) {
    const { calls, took, times } = JSON.parse(line);
    side.calls += calls;
    side.took += took / generators.length;
    side.times.push(...times);
  }
  side.cpu += cpuOfAll(side.pids) - before;
}

/** CPU time of processes and their children, in microseconds. */
function cpuOfAll(pids) {
  const childrenOf = (pid) =>
    readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  return pids.flatMap((pid) => [pid, ...childrenOf(pid)]).reduce((sum, one) => sum + (cpuOf(one) ?? 0), 0);
}

function summary({ calls, took, cpu, times }) {
  times.sort((a, b) => a - b);
  const at = (share) => round(times[Math.floor(times.length * share)] ?? 0, 2);
  return {
    perSecond: Math.round(calls / took),
    p50ms: at(0.5),
    p99ms: at(0.99),
    cpuUs: { server: round(cpu / calls, 1) },
    perCpuSecond: Math.round((calls / cpu) * 1_000_000),
  };
}
