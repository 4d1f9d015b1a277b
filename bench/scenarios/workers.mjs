import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { busyPlugin, externalEntry, startServer, writeConfig } from '../lib/ends.mjs';
import { cpuOf, round } from '../lib/measure.mjs';

/**
 * A plugin server with two workers, beside one with one worker, and beside two servers with one each: what a machine has
 * for two processes at once is not always twice what it has for one. The load comes from two processes outside; as they
 * need cores too, a call takes eight milliseconds, of which they have a twentieth. `perCpuSecond` says what a second of the
 * servers' own CPU time was good for.
 */
export const ids = ['workers.2', 'workers.2.apart'];
const turns = 6;
const warmSeconds = 1;

export async function run(bench, { seconds }) {
  const two = await openSide(bench, ['2']);
  const one = await openSide(bench, ['1']);
  const apart = await openSide(bench, ['1', '1']);
  const sides = [one, two, apart];
  for (const side of sides) await load(side, Math.min(warmSeconds, seconds));
  const runs = new Map(sides.map((side) => [side, []]));
  for (let turn = 0; turn < turns; turn += 1) {
    for (const side of turn % 2 === 0 ? sides : [...sides].reverse())
      runs.get(side).push(await load(side, seconds / turns));
  }
  const ours = summary(runs.get(two));
  const row = (id, side) => {
    const floor = summary(runs.get(side));
    return { id, ratio: round(ours.perSecond / floor.perSecond, 3), ...ours, floor };
  };
  return [row('workers.2', one), row('workers.2.apart', apart)];
}

const script = fileURLToPath(new URL('../lib/load.mjs', import.meta.url));

/** Servers with so many workers each, and two generators of load, each with the way to one of the servers. */
async function openSide(bench, workers) {
  const servers = [];
  for (const count of workers)
    servers.push(await startServer(bench, { kind: busyPlugin, more: ['--workers', count] }));
  const generators = [];
  for (const { url } of [servers[0], servers.at(-1)]) {
    const config = await writeConfig(bench, { plugins: [await externalEntry(bench, url)] });
    generators.push(bench.pipe([script, config, '4']));
  }
  return { pids: servers.map(({ pid }) => pid), generators };
}

/** Calls of both generators at once, for so many seconds. */
async function load({ pids, generators }, forSeconds) {
  const before = cpuOfAll(pids);
  const results = generators.map(({ lines }) => once(lines, 'line'));
  for (const { child } of generators) child.stdin.write(`${forSeconds}\n`);
  const runs = (await Promise.all(results)).map(([line]) => JSON.parse(line));
  const sum = (of) => runs.reduce((total, run) => total + of(run), 0);
  return {
    calls: sum((run) => run.calls),
    took: sum((run) => run.took) / runs.length,
    times: runs.flatMap((run) => run.times),
    clientCpu: sum((run) => run.clientCpu),
    serverCpu: cpuOfAll(pids) - before,
  };
}

/** CPU time of processes and their children, in microseconds. */
function cpuOfAll(pids) {
  const childrenOf = (pid) =>
    readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  return pids.flatMap((pid) => [pid, ...childrenOf(pid)]).reduce((sum, one) => sum + (cpuOf(one) ?? 0), 0);
}

function summary(runs) {
  const times = runs.flatMap((run) => run.times).sort((a, b) => a - b);
  const at = (share) => round(times[Math.floor(times.length * share)] ?? 0, 2);
  const sum = (of) => runs.reduce((total, run) => total + of(run), 0);
  const calls = sum((run) => run.calls);
  const serverCpu = sum((run) => run.serverCpu);
  return {
    perSecond: Math.round(calls / sum((run) => run.took)),
    p50ms: at(0.5),
    p99ms: at(0.99),
    cpuUs: { client: round(sum((run) => run.clientCpu) / calls, 1), server: round(serverCpu / calls, 1) },
    perCpuSecond: Math.round((calls / serverCpu) * 1_000_000),
  };
}
