import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { progress } from '../../scripts/progress.mjs';
import { startGateway, startUpstream, toolCalls } from '../lib/gateway.mjs';
import { round } from '../lib/measure.mjs';

/** What watching costs a tool call, in CPU time of the gateway: many short rounds of each in turn, the median of the differences. */
export const ids = [
  'gateway.metrics',
  'gateway.traces.1',
  'gateway.traces.100',
  'gateway.audit',
  'gateway.audit.chain',
];

const rounds = 60;
const concurrency = 4;

export async function run(bench, { seconds, wanted }) {
  const upstream = await startUpstream(bench);
  const without = ['--import', fileURLToPath(new URL('../lib/without-metrics.mjs', import.meta.url))];
  const file = (name) => join(bench.folder, `audit-${name}.jsonl`);
  const { line: port } = await bench.start(
    [fileURLToPath(new URL('../lib/collector.mjs', import.meta.url))],
    'stdout',
  );
  const tracing = (share) => ({
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    OTEL_TRACES_SAMPLER: 'traceidratio',
    OTEL_TRACES_SAMPLER_ARG: share,
  });
  const all = [
    { id: 'none', more: { before: without } },
    { id: 'gateway.metrics', more: {} },
    { id: 'gateway.traces.1', more: { env: tracing('0.01') } },
    { id: 'gateway.traces.100', more: { env: tracing('1') } },
    { id: 'gateway.audit', more: { gateway: { audit: { file: file('plain') } } } },
    { id: 'gateway.audit.chain', more: { gateway: { audit: { file: file('chain'), chain: true } } } },
  ];
  const sides = [];
  for (const { id, more } of all) {
    if (/\.(audit|traces)/.test(id) && !wanted(id)) continue;
    const gateway = await startGateway(bench, upstream, [], more);
    sides.push({ id, pid: gateway.pid, call: toolCalls(bench, gateway.port), cpu: [] });
  }
  const calls = Math.round(seconds * 40);
  for (const side of sides) await load(side, calls * 20);
  for (let turn = 0; turn < rounds; turn += 1) {
    progress.show(`bench: what watches, round ${turn + 1} of ${rounds}`);
    for (const side of turn % 2 === 0 ? sides : [...sides].reverse()) {
      const before = cpuUs(side.pid);
      await load(side, calls);
      side.cpu.push((cpuUs(side.pid) - before) / calls);
    }
  }
  const of = (id) => sides.find((side) => side.id === id);
  return ids.filter(wanted).map((id) => {
    // Traces and the audit log come on top of the metrics, which are always there.
    const [ours, floor] = [of(id), of(id === 'gateway.metrics' ? 'none' : 'gateway.metrics')];
    const [ourUs, floorUs] = [median(ours.cpu), median(floor.cpu)];
    return {
      id,
      ratio: round(floorUs / ourUs, 3),
      addsUs: round(median(ours.cpu.map((us, i) => us - floor.cpu[i])), 1),
      cpuUs: { server: round(ourUs, 1) },
      floor: { cpuUs: { server: round(floorUs, 1) } },
    };
  });
}

async function load({ call }, calls) {
  const many = Array.from({ length: concurrency }, async () => {
    for (let i = 0; i < calls / concurrency; i += 1) await call();
  });
  await Promise.all(many);
}

/** CPU time of all threads of a process (Linux), finer than the hundredths of a second of /proc/PID/stat. */
function cpuUs(pid) {
  let ns = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      ns += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
    } catch {
      // A thread that has ended meanwhile.
    }
  }
  return ns / 1_000;
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}
