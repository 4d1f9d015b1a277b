import { externalEntry, hookCall, openGateway, startFloor, startServer } from '../lib/ends.mjs';
import {
  openSessions,
  startGateway,
  startHookProxy,
  startProxy,
  startUpstream,
  toolCalls,
} from '../lib/gateway.mjs';
import { compare, measure, round } from '../lib/measure.mjs';

/** A gateway has more code than the others, which has to have been compiled. */
const warmSeconds = 2;
/** One after another, and so many at once. */
const loads = [
  ['', 1],
  ['.c32', 32],
];

/** Tool calls through a whole gateway, in plain HTTP. */
export const ids = [
  'gateway.tool',
  'gateway.tool.c32',
  'gateway.tool+hook',
  'gateway.hook',
  'gateway.tool+hook.c32',
  'gateway.hook.c32',
  'gateway.clients.1000',
];

export async function run(bench, { seconds, wanted }) {
  const upstream = await startUpstream(bench);
  const gateway = await startGateway(bench, upstream);
  const plain = { call: toolCalls(bench, gateway.port), pid: gateway.pid };
  const proxy = await startProxy(bench, upstream);
  const floor = { call: toolCalls(bench, proxy.port), pid: proxy.pid };
  const rows = [];
  for (const [suffix, concurrency] of loads) {
    const id = `gateway.tool${suffix}`;
    if (wanted(id)) rows.push(await compare(id, plain, floor, { concurrency, seconds, warmSeconds }));
  }
  const withPlugin = loads.filter(
    ([suffix]) => wanted(`gateway.tool+hook${suffix}`) || wanted(`gateway.hook${suffix}`),
  );
  if (withPlugin.length > 0) {
    const ours = await hookedGateway(bench, upstream);
    const theirs = await hookedProxy(bench, upstream);
    const sides = [ours.tool, plain, ours.hook, theirs.tool, floor, theirs.hook];
    for (const [suffix, concurrency] of withPlugin) {
      // Six sides in the place of two.
      const made = await measure(sides, { concurrency, seconds: seconds * 0.8, warmSeconds });
      const [tool, , , floorTool] = made;
      rows.push(row(`gateway.tool+hook${suffix}`, tool, floorTool));
      const [added, floorAdded] = [made.slice(0, 3), made.slice(3)].map((of) => addedBy(of, concurrency));
      rows.push(row(`gateway.hook${suffix}`, added, floorAdded));
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

/** A gateway with one enforced plugin, and calls of its plugin server alone. */
async function hookedGateway(bench, upstream) {
  const server = await startServer(bench);
  const entry = await externalEntry(bench, server.url);
  const gateway = await startGateway(bench, upstream, [{ ...entry, hooks: ['tool_pre_invoke'] }]);
  return {
    tool: { call: toolCalls(bench, gateway.port), pid: gateway.pid },
    hook: { call: hookCall(await openGateway(bench, server.url)) },
  };
}

/** The same of the floor. */
async function hookedProxy(bench, upstream) {
  const hook = await startFloor(bench);
  const proxy = await startHookProxy(bench, upstream, hook.port);
  return { tool: { call: toolCalls(bench, proxy.port), pid: proxy.pid }, hook };
}

const row = (id, ours, floor) => ({ id, ratio: round(ours.perSecond / floor.perSecond, 3), ...ours, floor });

/** What a tool call takes longer for its plugin, by the means; `hookCalls` is the same in hook calls by themselves. */
function addedBy([tool, plain, hook], concurrency) {
  const seconds = concurrency / tool.perSecond - concurrency / plain.perSecond;
  return {
    perSecond: Math.round(concurrency / seconds),
    meanMs: round(seconds * 1000, 3),
    hookCalls: round((seconds * hook.perSecond) / concurrency, 2),
  };
}
