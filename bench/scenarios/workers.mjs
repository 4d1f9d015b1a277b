import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { externalEntry, startServer, writeConfig } from '../lib/ends.mjs';
import { cpuOf, round } from '../lib/measure.mjs';

/**
 * A plugin server with two workers; the floor is one with one. The load comes from two processes outside: where there
 * are no cores for them beside the workers, all share what there is, and `perCpuSecond` says what a second of the
 * server's own CPU time was good for.
 */
export const ids = ['workers.2'];
const turns = 3;

export async function run(bench, { seconds }) {
  const sides = [];
  for (const workers of [1, 2]) {
    const server = await startServer(bench, { more: workers > 1 ? ['--workers', String(workers)] : [] });
    const config = await writeConfig(bench, { plugins: [await externalEntry(bench, server.url)] });
    sides.push({ server, config, calls: 0, took: 0, cpu: 0, times: [] });
  }
  for (let turn = 0; turn < turns; turn += 1) {
    for (const side of turn % 2 === 0 ? sides : [...sides].reverse())
      await load(bench, side, seconds / turns);
  }
  const [floor, ours] = sides.map(summary);
  return [{ id: 'workers.2', ratio: round(ours.perSecond / floor.perSecond, 3), ...ours, floor }];
}

const script = fileURLToPath(new URL('../lib/load.mjs', import.meta.url));

async function load(bench, side, seconds) {
  const generators = [0, 1].map(() => bench.pipe([script, side.config, '16', String(seconds)]));
  await Promise.all(generators.map(({ lines }) => once(lines, 'line')));
  const before = cpuOfAll(side.server.pid);
  const results = generators.map(({ lines }) => once(lines, 'line'));
  for (const { child } of generators) child.stdin.write('go\n');
  for (const [line] of await Promise.all(results)) {
    const { calls, took, times } = JSON.parse(line);
    side.calls += calls;
    side.took += took / generators.length;
    side.times.push(...times);
  }
  side.cpu += cpuOfAll(side.server.pid) - before;
}

/** CPU time of a process and its children, in microseconds. */
function cpuOfAll(pid) {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  return [pid, ...children].reduce((sum, one) => sum + (cpuOf(one) ?? 0), 0);
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
