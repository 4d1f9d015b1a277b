import { externalEntry, hookCall, openGateway, startServer } from '../lib/ends.mjs';
import { openSessions, startGateway, startProxy, startUpstream, toolCalls } from '../lib/gateway.mjs';
import { compare, round } from '../lib/measure.mjs';

/** A gateway has more code than the others, which has to have been compiled. */
const warmSeconds = 2;

/** Tool calls through a whole gateway, in plain HTTP. */
export const ids = [
  'gateway.tool',
  'gateway.tool.c32',
  'gateway.tool+hook',
  'gateway.tool+hook.c32',
  'gateway.clients.1000',
];

export async function run(bench, { seconds, wanted }) {
  const upstream = await startUpstream(bench);
  const gateway = await startGateway(bench, upstream);
  const plain = { call: toolCalls(bench, gateway.port), pid: gateway.pid };
  const proxy = await startProxy(bench, upstream);
  const floor = { call: toolCalls(bench, proxy.port), pid: proxy.pid };
  const rows = [];
  for (const [id, concurrency] of [
    ['gateway.tool', 1],
    ['gateway.tool.c32', 32],
  ]) {
    if (!wanted(id)) continue;
    rows.push(await compare(id, plain, floor, { concurrency, seconds, warmSeconds }));
  }
  if (wanted('gateway.tool+hook')) {
    const server = await startServer(bench);
    const entry = await externalEntry(bench, server.url);
    const hooked = await startGateway(bench, upstream, [{ ...entry, hooks: ['tool_pre_invoke'] }]);
    const hook = hookCall(await openGateway(bench, server.url));
    const ours = { call: toolCalls(bench, hooked.port), pid: hooked.pid };
    for (const [id, concurrency] of [
      ['gateway.tool+hook', 1],
      ['gateway.tool+hook.c32', 32],
    ]) {
      if (!wanted(id)) continue;
      const parts = { plain: [], hook: [] };
      const both = async () => {
        const began = performance.now();
        await plain.call();
        const between = performance.now();
        await hook();
        parts.plain.push(between - began);
        parts.hook.push(performance.now() - between);
      };
      const apart = { call: both, pid: gateway.pid };
      const row = await compare(id, ours, apart, { concurrency, seconds, warmSeconds });
      // The last ones: those before were to warm up.
      const calls = Math.round(row.floor.perSecond * seconds);
      const [plainMs, hookMs] = [parts.plain, parts.hook].map((times) => median(times.slice(-calls)));
      rows.push({ ...row, addedHookCalls: round((row.p50ms - plainMs) / hookMs, 2) });
    }
  }
  if (wanted('gateway.clients.1000')) {
    const many = await startGateway(bench, upstream);
    const few = await startGateway(bench, upstream);
    const side = async ({ port, pid }, count) => ({
      call: toolCalls(bench, port, await openSessions(bench, port, count)),
      pid,
    });
    const sides = [await side(many, 1_000), await side(few, 1)];
    rows.push(await compare('gateway.clients.1000', ...sides, { seconds: seconds / 2, warmSeconds }));
  }
  return rows;
}

const median = (times) => times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
