import { readFileSync } from 'node:fs';
import { progress } from '../../scripts/progress.mjs';

/** So many at once before it counts: code is as fast as it gets after some thousand calls, in all processes. */
const warmCalls = 32;
const warm = new WeakSet();

/** Two things beside each other: the row of the first, with the second as its floor. */
export async function compare(id, ours, floor, options) {
  const [a, b] = await measure([ours, floor], { ...options, what: id });
  return { id, ratio: round(a.perSecond / b.perSecond, 3), ...a, floor: b };
}

/**
 * Things beside each other: turns of each in the same run, so that whatever else the machine does meets all. A side has
 * `call`, or `drive` where another process makes the calls, and `pid` of the process that answers where its CPU time is
 * of interest.
 */
export async function measure(sides, { concurrency = 1, seconds, turns = 12, warmSeconds = 0.7, what }) {
  const runs = sides.map((side) => ({ side, loads: [] }));
  const backwards = [...runs].reverse();
  for (const { side } of backwards) {
    if (warm.has(side)) continue;
    warm.add(side);
    await load(side, Math.max(concurrency, warmCalls), Math.min(warmSeconds, seconds));
  }
  for (let turn = 0; turn < turns; turn += 1) {
    if (what) progress.show(`bench: ${what}, turn ${turn + 1} of ${turns}`);
    for (const { side, loads } of turn % 2 === 0 ? backwards : runs)
      loads.push(await load(side, concurrency, seconds / turns));
  }
  return runs.map(({ loads }) => summary(loads));
}

/** Calls for so many seconds, so many at once; the time of each in milliseconds, the CPU of both processes. */
async function load({ call, drive = callsOf(call), pid }, concurrency, forSeconds) {
  const before = cpuOf(pid);
  const run = await drive(concurrency, forSeconds);
  const after = cpuOf(pid);
  return { ...run, serverCpu: after === undefined || before === undefined ? undefined : after - before };
}

/** A load from this process. */
export const callsOf = (call) => async (concurrency, forSeconds) => {
  const times = [];
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  const end = start + forSeconds * 1000;
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      for (let now = performance.now(); now < end; ) {
        await call();
        const after = performance.now();
        times.push(after - now);
        now = after;
      }
    }),
  );
  const took = (performance.now() - start) / 1000;
  const own = process.cpuUsage(cpuBefore);
  return { times, took, clientCpu: own.user + own.system };
};

/** CPU time of another process in microseconds, where the system tells (Linux: hundredths of a second). */
export function cpuOf(pid) {
  if (pid === undefined) return undefined;
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10_000;
  } catch {
    return undefined;
  }
}

/** Resident memory of a process in megabytes, where the system tells. */
export function residentMb(pid) {
  try {
    const kb = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kb === undefined ? undefined : Math.round(Number(kb) / 1024);
  } catch {
    return undefined;
  }
}

function summary(runs) {
  const times = runs.flatMap((run) => run.times).sort((a, b) => a - b);
  const sum = (of) => runs.reduce((total, run) => total + of(run), 0);
  const at = (share) => round(times[Math.min(times.length - 1, Math.floor(times.length * share))], 2);
  const perCall = (total) => (Number.isFinite(total) ? round(total / times.length, 1) : undefined);
  return {
    perSecond: Math.round(times.length / sum((run) => run.took)),
    p50ms: at(0.5),
    p99ms: at(0.99),
    cpuUs: {
      client: perCall(sum((run) => run.clientCpu)),
      server: perCall(sum((run) => run.serverCpu ?? Number.NaN)),
    },
  };
}

export const round = (value, digits) => Number(value.toFixed(digits));
