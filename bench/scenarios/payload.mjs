import { hookCall, openGateway, startFloor, startServer } from '../lib/ends.mjs';
import { compare, residentMb } from '../lib/measure.mjs';

/** Large payloads, four at once; `memoryMb` is what both processes had before and after. */
export const ids = ['hook.mtls.100kb', 'hook.mtls.900kb'];

export async function run(bench, { seconds, wanted }) {
  const server = await startServer(bench);
  const manager = await openGateway(bench, server.url);
  const rows = [];
  for (const [id, bytes] of [
    ['hook.mtls.100kb', 100_000],
    ['hook.mtls.900kb', 900_000],
  ]) {
    if (!wanted(id)) continue;
    const ours = { call: hookCall(manager, bytes), pid: server.pid };
    const floor = await startFloor(bench, bytes);
    const warm = await compare(id, ours, floor, { concurrency: 4, seconds: seconds / 3, turns: 1 });
    const before = residentMb(server.pid);
    const row = await compare(id, ours, floor, { concurrency: 4, seconds });
    rows.push({ ...row, memoryMb: { before, after: residentMb(server.pid) }, warmPerSecond: warm.perSecond });
  }
  return rows;
}
